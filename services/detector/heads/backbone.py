"""Which backbone a head belongs to: a digest of the layers that it looks at."""

import hashlib
from collections.abc import Sequence

from torch import Tensor, nn

from shared.exceptions import ModelError

# Changes with every batch of a training, even of a frozen layer, and no output depends on it.
_IGNORED = "num_batches_tracked"


def backbone_digest(network: nn.Module, layers: Sequence[int]) -> str:
    """SHA-256 of parameters and buffers of the layers 0 to the last of `layers`, rounded to float16.

    Two models with the same digest give the same features at `layers`, whatever their later layers are.

    Args:
        network: an Ultralytics model, not fused: fusing folds batch norm into the convolutions.

    Raises:
        ModelError: fused, or without such a layer.
    """
    stages = network.model
    assert isinstance(stages, nn.Module)
    last = max(layers)
    if min(layers) < 0 or last >= len(list(stages.children())):
        raise ModelError(f"layers {list(layers)}: the model has layers 0 to {len(list(stages.children())) - 1}")
    if any(hasattr(module, "conv") and not hasattr(module, "bn") for module in _first(stages, last)):
        raise ModelError("the digest of a backbone is that of the unfused model: take it before fuse()")
    digest = hashlib.sha256()
    for index, stage in enumerate(stages.children()):
        if index > last:
            break
        state: dict[str, Tensor] = stage.state_dict()
        for name in sorted(state):
            if not name.endswith(_IGNORED):
                digest.update(f"{index}.{name} {tuple(state[name].shape)}\n".encode())
                digest.update(state[name].detach().cpu().half().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _first(stages: nn.Module, last: int) -> list[nn.Module]:
    return [
        module
        for index, stage in enumerate(stages.children())
        if index <= last
        for module in stage.modules()
        if type(module).__name__ == "Conv"
    ]
