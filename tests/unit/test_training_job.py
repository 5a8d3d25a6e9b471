"""A requested training: what it has made is made once, whenever the trainer was killed."""

from pathlib import Path

import pytest
from rich.console import Console

from shared.settings import load_settings
from shared.training import TrainingRequest
from training.commands import tell_candidate
from training.service import job
from training.service.job import Job

REQUEST = TrainingRequest(request_id="junction-7-a", kind="detector", name="junction-7", data=["junction-7"])


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object) -> None:
        raise AssertionError("a training was started")

    monkeypatch.setattr(job, "ServerProcess", started)


def test_a_trainer_that_was_killed_between_the_registration_and_its_note_trains_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "training" / REQUEST.request_id
    folder.mkdir(parents=True)
    (folder / "train.log").write_text("epoch 20 of 20: mAP50 0.5\njunction-7@3 is the candidate of junction-7\n")
    for _ in range(2):
        found = Job(REQUEST, load_settings(data=tmp_path))
        assert found.ended()
        assert found.model == "junction-7@3"
        found.stop()
        (folder / "train.log").unlink(missing_ok=True)  # the note is enough


def test_the_longest_name_is_read_whole_from_a_training_that_writes_to_a_file(tmp_path: Path) -> None:
    name = "n" * 63
    folder = tmp_path / "training" / REQUEST.request_id
    folder.mkdir(parents=True)
    with (folder / "train.log").open("w") as log:
        tell_candidate(Console(file=log), f"{name}@12", name)
    found = Job(REQUEST, load_settings(data=tmp_path))
    assert found.model == f"{name}@12"
    found.stop()


def test_one_that_was_killed_while_it_trained_trains(tmp_path: Path) -> None:
    folder = tmp_path / "training" / REQUEST.request_id
    folder.mkdir(parents=True)
    (folder / "train.log").write_text("epoch 19 of 20: mAP50 0.5\n")
    with pytest.raises(AssertionError, match="was started"):
        Job(REQUEST, load_settings(data=tmp_path))
