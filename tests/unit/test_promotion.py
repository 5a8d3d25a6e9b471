"""Whether a candidate may take production's place, as a pure decision."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.models.incidents import alone
from training.models.promotion import Compared, Figure, Role, Tolerances, compare, worse

TOLERANCES = Tolerances(overall=0.01, per_class=0.05, slower=0.1, least=30)
# One by one; staged incidents are judged by chance, below.
JUDGED: tuple[Role, ...] = ("overall", "class", "speed")
MORE_IS_BETTER = {"overall", "class"}


def figures(role: Role) -> st.SearchStrategy[Figure]:
    values = st.floats(0.1, 1000) if role == "speed" else st.floats(0, 1)
    return st.builds(Figure, values, st.just(role), st.integers(30, 1000))


judged = st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from(JUDGED).flatmap(figures), min_size=1)


def slack(figure: Figure) -> float:
    """How far the candidate may be from production, to the bad side."""
    return {"overall": 0.01, "class": 0.05, "speed": 0.1 * figure.value}[figure.role]


def shifted(figure: Figure, to_the_bad: float) -> Figure:
    sign = -1 if figure.role in MORE_IS_BETTER else 1
    return replace(figure, value=figure.value + sign * to_the_bad)


@given(judged)
def test_an_equal_candidate_passes(production: dict[str, Figure]) -> None:
    assert worse(compare(production, production, TOLERANCES)) == []


@given(judged, st.data())
def test_one_figure_beyond_its_tolerance_never_passes_and_is_named(
    production: dict[str, Figure], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(production)))
    beyond = data.draw(st.floats(1e-6, 10))
    bad = shifted(production[name], slack(production[name]) + beyond)
    (line,) = worse(compare(production, production | {name: bad}, TOLERANCES))
    assert line.startswith(f"{name} ")


@given(judged, st.floats(0, 0.99))
def test_within_the_tolerances_or_better_passes(production: dict[str, Figure], share: float) -> None:
    near = {name: shifted(figure, share * slack(figure)) for name, figure in production.items()}
    better = {name: shifted(figure, -share) for name, figure in production.items()}
    assert worse(compare(production, near, TOLERANCES)) == []
    assert worse(compare(production, better, TOLERANCES)) == []


@given(judged, st.data())
def test_a_figure_that_is_missing_or_no_number_never_passes(production: dict[str, Figure], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(production)))
    without = {other: figure for other, figure in production.items() if other != name}
    assert len(worse(compare(production, without, TOLERANCES))) == 1
    nothing = production | {name: replace(production[name], value=math.nan)}
    assert len(worse(compare(production, nothing, TOLERANCES))) == 1


@given(judged)
def test_nothing_in_production_forbids_nothing(candidate: dict[str, Figure]) -> None:
    rows = compare({}, candidate, TOLERANCES)
    assert {row.verdict for row in rows} == {"not judged"}
    assert [row.name for row in rows] == list(candidate)


@pytest.mark.parametrize(("examples", "refused"), [(29, False), (30, True), (None, False)])
def test_a_class_is_judged_from_enough_examples_on(examples: int | None, refused: bool) -> None:
    old, new = Figure(0.9, "class", examples), Figure(0.1, "class", examples)
    assert bool(worse(compare({"map50_95/car": old}, {"map50_95/car": new}, TOLERANCES))) is refused


def test_what_is_only_shown_forbids_nothing() -> None:
    assert worse(compare({"ece": Figure(0.9, "shown")}, {"ece": Figure(0.0, "shown")}, TOLERANCES)) == []


def found(names: str, staged: int = 11) -> dict[str, Figure]:
    """Incidents that were found, a letter for each."""
    return {"incidents_found": Figure(len(names) / staged, "found", staged, frozenset(names))}


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("abcdefghijk", "abcdefghijk", False),
        ("abcdefghijk", "abcdefghi", False),  # 2 lost, none gained: one of four equal models does that
        ("abcdefghijk", "abcdefgh", True),
        ("abcdefghij", "defghijk", False),  # 3 lost, 1 gained
        ("abcdefghij", "efghijk", True),  # 4 lost, 1 gained
        ("abc", "", True),
        ("ab", "", False),
        ("", "abc", False),
    ],
)
def test_staged_incidents_that_are_lost_count_beside_those_that_are_gained(
    before: str, after: str, refused: bool
) -> None:
    assert bool(worse(compare(found(before), found(after), TOLERANCES))) is refused


@pytest.mark.parametrize(("before", "after", "refused"), [(0, 2, False), (0, 3, True), (1, 3, False), (1, 4, True)])
def test_false_alarms_that_are_more_than_chance_are_worse(before: int, after: int, refused: bool) -> None:
    old, new = ({"false_alarms": Figure(float(count), "false")} for count in (before, after))
    assert bool(worse(compare(old, new, TOLERANCES))) is refused


@given(st.sets(st.sampled_from("abcdefghijk")), st.sets(st.sampled_from("abcdefghijk")))
def test_with_a_chance_of_one_half_fewer_found_is_worse(before: set[str], after: set[str]) -> None:
    rows = compare(found("".join(before)), found("".join(after)), replace(TOLERANCES, chance=0.5))
    assert bool(worse(rows)) is (len(after) < len(before))


def test_incidents_that_only_one_has_found_are_named() -> None:
    assert alone(found("abd"), found("abc")) == ["found by production only: c", "found by the candidate only: d"]
    assert alone(found("ab"), found("ab")) == []


def test_incidents_that_were_not_measured_never_pass() -> None:
    (line,) = worse(compare(found("abcdef"), {}, TOLERANCES))
    assert line == "incidents_found missing (production 0.545, limit 0.364)"


def test_a_line_names_figure_both_values_and_the_limit() -> None:
    rows = compare(
        {"ms": Figure(10.0, "speed"), "f1": Figure(0.5, "overall")}, {"ms": Figure(11.5, "speed")}, TOLERANCES
    )
    assert rows[0] == Compared("ms", 10.0, 11.5, 11.0, "worse")
    assert worse(rows) == [
        "ms 11.500 (production 10.000, limit 11.000)",
        "f1 missing (production 0.500, limit 0.490)",
    ]
