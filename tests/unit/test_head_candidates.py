"""torchvision's networks beside a head: frozen body, new last layer, and one line when no weights can be had."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from shared.exceptions import ModelError
from training.heads.candidates import TORCHVISION, FrozenBody, SmallConvNet
from training.heads.cells import Cells
from training.heads.question import Question


def network_of(name: str) -> nn.Module:
    """With random weights. VGG-16's dense layers, half a gigabyte that no head looks at, have no memory."""
    torch.manual_seed(0)
    build: Callable[..., nn.Module] = getattr(torchvision.models, name)
    if name != "vgg16":
        return build(weights=None)
    with torch.device("meta"):
        network = build(weights=None)
    for layer in network.get_submodule("features").to_empty(device="cpu").modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return network


@pytest.mark.parametrize("name", ["vgg16", "resnet34"])
def test_the_body_is_frozen_and_the_last_layer_is_new(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(name)
    monkeypatch.setattr(torchvision.models, name, lambda **_: network)
    candidate = FrozenBody(name, None, Question("patch", 3))
    body = candidate._body
    assert not any(isinstance(layer, nn.Linear) for layer in body.modules()), "its own last layer is still there"
    assert not any(parameter.requires_grad for parameter in body.parameters())
    before = {key: value.clone() for key, value in body.state_dict().items()}
    pixels = np.random.default_rng(0).integers(0, 255, (2, 64, 96, 3)).astype(np.uint8)
    kept = torch.stack([candidate.prepare(picture) for picture in pixels])
    assert kept.shape == (2, 1024, 2, 3)  # mean and maximum of 512 channels, patches 32 px apart
    assert kept.isfinite().all()
    assert not torch.equal(kept[0], kept[1])
    last = candidate.build(kept)
    optimiser = torch.optim.SGD(last.parameters(), lr=1.0)
    first = last(kept)
    assert first.shape == (2, 3, 2, 3)
    first.square().sum().backward()
    optimiser.step()
    assert not torch.equal(last.eval()(kept), first)
    assert all(torch.equal(value, before[key]) for key, value in body.state_dict().items()), "the body has moved"

    boxed = FrozenBody(name, None, Question("patch", 3, Cells(96, 16)))
    grid = boxed.prepare(pixels[0])
    assert grid.shape == (1024, 4, 6)  # 16 px apart
    assert boxed.build(grid[None])(grid[None]).shape == (1, 7, 4, 6)

    whole = FrozenBody(name, None, Question("image", 5))
    features = whole.prepare(pixels[0])
    assert features.shape == (512,)
    assert whole.build(features[None])(features[None]).shape == (1, 5)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (300, 500), (1280, 720)])
def test_every_candidate_answers_on_the_grid_that_the_boxes_are_labelled_on(width: int, height: int) -> None:
    cells = Cells(160, 16)
    question, place = Question("patch", 2, cells), cells.on(width, height)
    kept = SmallConvNet(question).prepare(np.zeros((height, width, 3), np.uint8))[None]
    assert SmallConvNet(question).build(kept).eval()(kept).shape == (1, 6, place.rows, place.columns)


@pytest.mark.parametrize("name", TORCHVISION)
@pytest.mark.parametrize("failure", [OSError("no route\nto the host"), RuntimeError("invalid hash value"), OSError()])
def test_a_download_that_fails_is_one_line_with_the_remedy(
    name: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with torch.device("meta"), pytest.raises(ModelError) as raised:
        FrozenBody(name, None, Question("image", 3))
    reason = (str(failure) or type(failure).__name__).splitlines()[0]
    assert str(raised.value) == (
        f"{name}: left out: its pretrained weights cannot be downloaded ({reason}); give a file as {name}=WEIGHTS"
    )


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b"junk" * 100),
        lambda path: path.write_bytes(b""),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"other": torch.zeros(1)}, path),
        lambda path: torch.save(nn.Linear(2, 2), path),  # a pickle of code: never opened
        lambda path: None,
    ],
    ids=["junk", "empty", "list", "other", "module", "missing"],
)
def test_a_file_without_such_weights_is_one_line(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    path = tmp_path / "weights.pth"
    harm(path)
    with torch.device("meta"), pytest.raises(ModelError) as raised:
        FrozenBody("resnet18", path, Question("image", 3))
    text = str(raised.value)
    assert text.startswith(f"{path}: no weights of torchvision's resnet18 (")
    assert text.endswith("; give its state_dict, as torchvision's own download is")
    assert "\n" not in text
