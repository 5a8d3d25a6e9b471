"""A training's checkpoints: whole, or as they were."""

from pathlib import Path

import pytest
from ultralytics.engine.trainer import BaseTrainer

from training.detector.trainer import DetectorTrainer


@pytest.fixture
def trainer(tmp_path: Path) -> DetectorTrainer:
    trainer = DetectorTrainer.__new__(DetectorTrainer)
    trainer.last, trainer.best = tmp_path / "last.pt", tmp_path / "best.pt"
    return trainer


def test_a_kill_in_the_middle_of_writing_leaves_the_epoch_before_it(
    trainer: DetectorTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, best = trainer.last, trainer.best
    last.write_bytes(b"whole")

    def killed(self: BaseTrainer) -> bool:
        self.last.write_bytes(b"ha")
        raise KeyboardInterrupt

    monkeypatch.setattr(BaseTrainer, "save_model", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.save_model()
    assert last.read_bytes() == b"whole"
    assert (trainer.last, trainer.best) == (last, best)


@pytest.mark.parametrize("is_best", [True, False])
def test_what_was_written_is_in_its_place(
    trainer: DetectorTrainer, monkeypatch: pytest.MonkeyPatch, is_best: bool
) -> None:
    trainer.best.write_bytes(b"old")

    def written(self: BaseTrainer) -> bool:
        self.last.write_bytes(b"new")
        if is_best:
            self.best.write_bytes(b"new")
        return True

    monkeypatch.setattr(BaseTrainer, "save_model", written)
    assert trainer.save_model()
    assert trainer.last.read_bytes() == b"new"
    assert trainer.best.read_bytes() == (b"new" if is_best else b"old")
    assert sorted(path.name for path in trainer.last.parent.iterdir()) == ["best.pt", "last.pt"]
