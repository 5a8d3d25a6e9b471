"""Feature maps of a network's layers, of the very pass that the calling thread makes."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class Taps:
    """Hooks on every layer, for good: several threads share the network, and each gets its own pass's maps only."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self._local = threading.local()
        self._handles = [layer.register_forward_hook(self._hook(index)) for index, layer in enumerate(layers)]

    def remove(self) -> None:
        """Take the hooks off again; `taking` gives nothing any more."""
        for handle in self._handles:
            handle.remove()

    def _hook(self, index: int) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            wanted: dict[int, Tensor | None] = getattr(self._local, "maps", {})
            if index in wanted:
                wanted[index] = output

        return keep

    @contextmanager
    def taking(self, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
        """Passes within the block fill the dict: layer index → output, on the network's device."""
        maps: dict[int, Any] = dict.fromkeys(layers)
        self._local.maps = maps
        try:
            yield maps
        finally:
            self._local.maps = {}
