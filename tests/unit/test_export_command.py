"""What `wayside export` refuses; the exports themselves are tests/integration/test_backends.py."""

from pathlib import Path

import pytest

from services.detector.backends.agreement import Agreement
from services.detector.backends.load import Wanted
from shared.exceptions import InputError, ModelError
from training.models import export
from training.models.export import Row, run_export

GOOD = Agreement(20, 1.0, 0.001, 0.9999)


@pytest.fixture(autouse=True)
def _nothing_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "load", lambda name, wanted: None)


def measured(monkeypatch: pytest.MonkeyPatch, other: float | None) -> None:
    rows = [Row("torch", "float32", GOOD, None if other is None else 0.4), Row("openvino", "bfloat16", GOOD, other)]
    monkeypatch.setattr(export, "compared", lambda *arguments: rows)


def run(tolerance: float = 0.01) -> None:
    run_export(("openvino",), Wanted(Path("some.pt")), 640, (), None, tolerance)


def test_a_loss_of_precision_beyond_the_tolerance_is_refused_after_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, 0.38)
    with pytest.raises(ModelError, match=r"openvino in bfloat16 loses 0\.020 of mAP50-95, at most 0\.01 is tolerated"):
        run()
    assert "0.3800" in capsys.readouterr().out
    run(tolerance=0.03)


def test_within_the_tolerance_or_without_labels_it_only_tells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, 0.395)
    run()
    measured(monkeypatch, None)
    run()
    assert "100.0%" in capsys.readouterr().out


def test_a_folder_without_pictures_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(InputError, match=r"no \.jpg or \.png there"):
        run_export(("openvino",), Wanted(Path("some.pt")), 640, (), tmp_path, 0.01)
