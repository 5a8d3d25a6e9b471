"""Which scenes the incident benchmark shows."""

from training.bench.incidents import requests_of


def test_scenes_beyond_a_splits_last_are_shown_only_from_a_first_one_with_a_limit() -> None:
    assert requests_of("test", 3, ["overhead-stop"], first=14) == [("test", "overhead-stop", n) for n in (14, 15, 16)]
    assert [seed for *_, seed in requests_of("test", None, ["overhead-stop"], first=10)] == [10, 11, 12, 13]
    assert [seed for *_, seed in requests_of("dev", 100, ["overhead-stop"])] == list(range(7))
