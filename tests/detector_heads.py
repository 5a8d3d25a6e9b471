"""Heads with fixed random weights, for tests of the detector that need no trained ones."""

import torch

from services.detector.heads.file import DataCard, HeadSpec
from services.detector.heads.find import Head
from services.detector.heads.net import HeadKind, HeadNet

NO_BACKBONE = "0" * 64
_VISIBILITY = ["clear", "rain", "fog-or-smoke", "dark", "dirty-lens"]
# Of YOLO11n: strides 8 and 16.
LAYERS, CHANNELS = [4, 6], [128, 128]


def random_spec(kind: HeadKind, *, backbone: str = NO_BACKBONE, name: str | None = None, **changes: object) -> HeadSpec:
    """A description of a head that nobody trained."""
    fields: dict[str, object] = {
        "name": name or ("pavement" if kind == "patch" else "visibility"),
        "kind": kind,
        "classes": ["intact", "damaged"] if kind == "patch" else _VISIBILITY,
        "layers": LAYERS,
        "channels": CHANNELS,
        "hidden": 16,
        "backbone": backbone,
        "stride": 16,
        "imgsz": 640,
        "data": DataCard(source="none", licence="none"),
        "created_by": "tests",
    }
    return HeadSpec.model_validate(fields | changes)


def random_net(spec: HeadSpec, seed: int = 0) -> HeadNet:
    """The same weights for the same seed, large enough that the answers differ from place to place."""
    net = HeadNet(spec.shape, temperature=spec.temperature)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5)
    return net.requires_grad_(False).eval()


def random_head(kind: HeadKind, *, named: bool = True, seed: int = 0, **changes: object) -> Head:
    """A head that never lay in a file."""
    spec = random_spec(kind, **changes)  # type: ignore[arg-type]
    return Head(random_net(spec, seed), spec, f"{spec.name}@{seed:08x}", named)
