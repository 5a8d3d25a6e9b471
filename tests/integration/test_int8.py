"""A model in whole numbers: made of pictures by the command, run by the setting."""

from pathlib import Path

import numpy as np
import pytest

from services.detector.backends.agreement import INT8_TOLERANCE, as_input, compare, own_pictures
from services.detector.backends.load import Wanted, load, load_torch
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from shared.exceptions import ConfigError, InputError
from training.models.export import run_export
from training.models.quantise import LEAST

pytestmark = pytest.mark.shared


def test_int8_is_made_of_pictures_finds_the_same_and_is_asked_for_by_the_setting(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wanted = Wanted(find_weights("wayside-n"), device="cpu", precision="int8", threads=2, layers=LAYERS)
    with pytest.raises(ConfigError, match=r"not there in int8 yet; make it with `wayside export --precision int8"):
        load("openvino", wanted)
    pictures = sorted((shared_dir / "data" / "coco256").rglob("*.jpg"))[:LEAST]
    folder = tmp_path / "calibration"
    folder.mkdir()
    for path in pictures:
        (folder / path.name).write_bytes(path.read_bytes())
    run_export(["openvino"], wanted, 320, (), None, 0.01, folder)
    assert "int8" in capsys.readouterr().out
    backend = load("openvino", wanted)
    plain = load_torch(wanted, "float32")
    assert (backend.precision, backend.version) == ("int8", plain.version)
    found = compare(plain, backend, [as_input(path, 640, 32) for path in own_pictures()], LAYERS)
    assert not found.lacks(INT8_TOLERANCE)
    picture = as_input(own_pictures()[0], 640, 32)
    one, two = backend.forward(picture[None]), backend.forward(np.stack([picture, picture]))
    assert all((one.boxes[0].xyxy == boxes.xyxy).all() for boxes in two.boxes)
    with pytest.raises(ConfigError, match=r"int8 runs in OpenVINO alone"):
        load("torch", wanted)
    (folder / pictures[0].name).unlink()
    with pytest.raises(InputError, match=rf"--calibrate: {LEAST - 1} pictures, at least {LEAST} are needed"):
        run_export(["openvino"], wanted, 320, (), None, 0.01, folder)
