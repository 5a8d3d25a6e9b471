import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from ultralytics.nn.modules import Conv

from services.detector.heads.backbone import backbone_digest
from services.detector.heads.file import DataCard, HeadSpec, load_head, save_head
from services.detector.heads.net import HeadNet, HeadShape, condense
from services.detector.weights import version_of
from shared.exceptions import ModelError


def spec_of(net: HeadNet, **changes: object) -> HeadSpec:
    shape = net.shape
    values = {
        "name": "pavement", "kind": shape.kind, "classes": ["intact", "damaged"], "layers": [4, 6],
        "channels": list(shape.channels), "hidden": shape.hidden, "backbone": "0" * 64, "stride": 16, "imgsz": 480,
        "data": DataCard(source="drawn", licence="none"), "created_by": "a test",
    }  # fmt: skip
    return HeadSpec.model_validate({**values, **changes})


def patch_net() -> HeadNet:
    torch.manual_seed(1)
    return HeadNet(HeadShape("patch", 2, (8, 12), hidden=6), temperature=2.0).eval()


def maps(seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 8, 24, 40, generator=generator), torch.rand(2, 12, 12, 20, generator=generator)]


def test_a_patch_head_answers_on_a_grid_that_covers_the_input() -> None:
    found = patch_net().probabilities(maps())
    assert found.shape == (2, 2, 6, 10)
    assert torch.allclose(found.sum(1), torch.ones(2, 6, 10))


def test_a_cell_of_the_grid_depends_on_its_own_part_of_the_picture_only() -> None:
    net, before = patch_net(), maps()
    changed = [feature.clone() for feature in before]
    changed[0][:, :, :4, :4] += 5  # the upper left cell of the grid covers these
    moved = (net(before) - net(changed)).abs().amax(1)
    assert (moved[:, 0, 0] > 1e-4).all()
    assert (moved[:, 3:, 3:] == 0).all()


def test_the_temperature_makes_less_sure_and_keeps_the_order() -> None:
    net = patch_net()
    cool = net.probabilities(maps())
    net.temperature = 20.0
    warm = net.probabilities(maps())
    assert (warm.amax(1) < cool.amax(1)).all()
    assert (warm.argmax(1) == cool.argmax(1)).all()


@pytest.mark.parametrize("kind", ["patch", "image"])
def test_scaling_is_absorbed_exactly(kind: str) -> None:
    torch.manual_seed(0)
    net = HeadNet(HeadShape(kind, 3, (8, 12), hidden=6)).eval()  # type: ignore[arg-type]
    kept = condense(net.shape.kind, maps())
    mean, deviation = torch.rand(net.shape.inputs), torch.rand(net.shape.inputs) + 0.5
    view = (1, -1, 1, 1) if kind == "patch" else (1, -1)
    wanted = net.from_condensed((kept - mean.view(view)) / deviation.view(view))
    net.absorb_scaling(mean, deviation)
    assert torch.allclose(net(maps()), wanted, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "columns"), [(24, 40), (22, 38), (21, 39)])
def test_a_patch_head_sees_the_maximum_of_the_cells_of_finer_maps(kind: torch.dtype, rows: int, columns: int) -> None:
    whole = torch.randn(2, 8, 4 * 24, 4 * 40).to(kind).to(memory_format=torch.channels_last)
    finer, coarsest = whole[:, :, : 4 * rows, : 4 * columns], torch.randn(2, 12, rows, columns).to(kind)
    odd = whole[:, :, : 4 * rows + 1, : 4 * columns + 3]  # cells that fall into none are left out
    wanted = torch.cat([functional.max_pool2d(finer.float(), 4).to(kind), coarsest], dim=1)
    assert torch.equal(condense("patch", [finer, coarsest]), wanted)
    assert torch.equal(condense("patch", [odd, coarsest]), wanted)


def test_an_image_head_sees_mean_and_deviation_of_each_channel() -> None:
    feature = torch.rand(3, 5, 12, 20)
    kept = condense("image", [feature])
    assert torch.allclose(kept[:, :5], feature.mean((2, 3)), atol=1e-6)
    assert torch.allclose(kept[:, 5:], feature.std((2, 3), correction=0), atol=1e-4)


def test_a_head_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    net, path = patch_net(), tmp_path / "pavement.safetensors"
    version = save_head(path, net, spec_of(net, threshold=0.4))
    loaded, spec = load_head(path)
    assert torch.equal(loaded.probabilities(maps()), net.probabilities(maps()))
    assert (spec.name, spec.threshold, spec.temperature) == ("pavement", 0.4, 2.0)
    assert version.startswith("pavement@")
    assert len(version) == len("pavement@1a2b3c4d")
    net.temperature = 3.0
    assert save_head(path, net, spec_of(net)) != version


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "cannot be read as a head"),
        (lambda path: path.unlink(), "cannot be read as a head"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "is no head"),
        (lambda path: save_file({"a": torch.zeros(1)}, path, metadata={"wayside": "{"}), "is no JSON"),
        (lambda path: save_file({"a": torch.zeros(1)}, path, metadata={"wayside": "{}"}), "no head of this version"),
    ],
)
def test_what_is_no_head_is_refused_in_one_line(tmp_path: Path, harm: object, told: str) -> None:
    path = tmp_path / "pavement.safetensors"
    net = patch_net()
    save_head(path, net, spec_of(net))
    harm(path)  # type: ignore[operator]
    with pytest.raises(ModelError, match=told) as raised:
        load_head(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_that_do_not_fit_the_description_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pavement.safetensors"
    net = patch_net()
    text = spec_of(net).model_dump(mode="json", by_alias=True) | {"hidden": 7}
    save_file(net.state_dict(), path, metadata={"wayside": json.dumps(text)})
    with pytest.raises(ModelError, match="do not fit its description"):
        load_head(path)


def test_a_flipped_bit_in_the_weights_is_found_by_their_checksum(tmp_path: Path) -> None:
    path, net = tmp_path / "pavement.safetensors", patch_net()
    save_head(path, net, spec_of(net))
    content = bytearray(path.read_bytes())
    content[-2] ^= 1  # of the last number; the header, which safetensors checks itself, stays whole
    path.write_bytes(content)
    with pytest.raises(ModelError, match="the numbers do not match their checksum; copy the file anew") as raised:
        load_head(path)
    assert str(path) in str(raised.value)


def test_a_head_from_before_checksums_and_boxes_is_still_read(tmp_path: Path) -> None:
    path, net = tmp_path / "pavement.safetensors", patch_net()
    text = spec_of(net).model_dump_json(by_alias=True, exclude={"tensors_sha256", "boxes"})
    save_file(net.state_dict(), path, metadata={"wayside": text})
    loaded, spec = load_head(path)
    assert spec.tensors_sha256 is None
    assert not spec.boxes
    assert torch.equal(loaded(maps()), net(maps()))
    save_head(path, net, spec_of(net))
    assert b'"boxes"' not in path.read_bytes(), "a Wayside of before boxes could not read it"


def test_a_head_with_boxes_comes_back_from_its_file_with_them(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = HeadNet(HeadShape("patch", 2, (8, 12), hidden=6, window=3, step=1, boxes=True), temperature=2.0).eval()
    path = tmp_path / "cones.safetensors"
    save_head(path, net, spec_of(net, window=3, step=1, boxes=True))
    loaded, spec = load_head(path)
    assert spec.boxes
    probabilities, sides = loaded.answers(maps())
    wanted = net.answers(maps())
    assert sides is not None
    assert wanted[1] is not None
    assert torch.equal(probabilities, wanted[0])
    assert torch.equal(sides, wanted[1])
    assert probabilities.shape == (2, 2, 12, 20)
    assert sides.shape == (2, 4, 12, 20)
    assert torch.allclose(probabilities.sum(1), torch.ones(2, 12, 20))
    with pytest.raises(ValueError, match="only a head of kind patch has boxes"):
        spec_of(net, kind="image", boxes=True)


@pytest.mark.parametrize("name", ["pavement", "visibility"])
def test_the_shipped_heads_carry_a_checksum_and_their_cards_name_them(name: str) -> None:
    path = Path(__file__).resolve().parents[2] / "models" / "heads" / f"{name}.safetensors"
    assert load_head(path)[1].tensors_sha256 is not None
    assert f"Version `{version_of(path)}`" in path.with_suffix(".md").read_text(encoding="utf-8")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(Conv(3, 4), Conv(4, 4), Conv(4, 4))


def test_the_backbones_digest_tells_its_layers_and_nothing_later() -> None:
    network = Network()
    digest = backbone_digest(network, [0, 1])
    with torch.no_grad():
        network.model[2].conv.weight.add_(1)  # type: ignore[union-attr, operator]
        network.model[1].bn.num_batches_tracked.add_(1)  # type: ignore[union-attr, operator]
        network.model[1].conv.weight.mul_(1 + 1e-7)  # type: ignore[union-attr, operator]
    assert backbone_digest(network, [0, 1]) == digest
    with torch.no_grad():
        network.model[1].bn.running_mean.add_(0.1)  # type: ignore[union-attr, operator]
    assert backbone_digest(network, [0, 1]) != digest
    assert backbone_digest(network, [0]) == backbone_digest(Network(), [0])


def test_a_fused_or_too_short_network_has_no_digest() -> None:
    network = Network()
    with pytest.raises(ModelError, match="layers 0 to 2"):
        backbone_digest(network, [3])
    del network.model[0].bn  # type: ignore[union-attr]
    with pytest.raises(ModelError, match="unfused"):
        backbone_digest(network, [1])
