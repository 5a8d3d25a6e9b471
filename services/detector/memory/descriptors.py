"""What a patch looks like: the backbone's features, in a form that is compared by distance.

After PatchCore (Roth et al., "Towards total recall in industrial anomaly detection", CVPR 2022): features of two middle
layers of a network that was trained for something else, each averaged over 3 x 3 patches. The projection keeps
distances to within some per cent (Johnson and Lindenstrauss, 1984) and makes the memory 2.7 times smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from services.detector.backends.base import FeatureMap
from services.detector.memory.cells import Cells

# Of YOLOv8 and YOLO11: the backbone's stages at strides 8 and 16. Earlier ones see texture only, later ones are coarse.
LAYERS = (4, 6)
DIMENSIONS = 96
# Features of no length stay so.
_SMALL = 1e-12

Floats = NDArray[np.float32]


@lru_cache(maxsize=16)
def _projection(channels: int, device: torch.device) -> Tensor:
    """(channels, DIMENSIONS): orthogonal directions, drawn once and for ever by a fixed seed.

    The features of each of `LAYERS` come with unit length, and all of them together get it here.
    """
    drawn = np.random.default_rng(4).standard_normal((channels, channels))
    directions = np.linalg.qr(drawn)[0][:, : min(DIMENSIONS, channels)]
    scale = (channels / directions.shape[1] / len(LAYERS)) ** 0.5
    return torch.from_numpy((directions * scale).astype(np.float32)).to(device)


@dataclass(frozen=True, slots=True)
class _Pooling:
    """What each patch takes of a map: some of its cells, by weight; those of patch k are from `starts[k]` on.

    `cells` count among `used`, which are all that any patch takes.
    """

    used: Tensor
    cells: Tensor
    weights: Tensor
    starts: Tensor

    def of(self, features: Tensor) -> Tensor:
        """(K, C) of unit length, from (1, C, h, w)."""
        rows = features[0].permute(1, 2, 0).flatten(0, 1).index_select(0, self.used).float()
        pooled = functional.embedding_bag(self.cells, rows, self.starts, mode="sum", per_sample_weights=self.weights)
        return pooled.div_(torch.linalg.vector_norm(pooled, dim=1, keepdim=True).clamp_min_(_SMALL))


def describe_patches(maps: Mapping[int, FeatureMap], picture: int, cells: Cells) -> Floats:
    """(K, DIMENSIONS): half the squared distance of two descriptors is about 1 minus the cosine of their features.

    Args:
        maps: layer → (N, C, h, w), of `LAYERS`.
        picture: its number in the maps.
    """
    features = [torch.as_tensor(maps[layer][picture : picture + 1]) for layer in LAYERS]
    # Where the maps are, on a GPU there: what comes back is a small part of them.
    parts = [_pooling(cells, (one.shape[2], one.shape[3]), one.device).of(one) for one in features]
    widths = [part.shape[1] for part in parts]
    directions = torch.split(_projection(sum(widths), parts[0].device), widths)
    # Layer by layer, for to join them first would move all of it through memory once more.
    projected = parts[0] @ directions[0]
    for part, own in zip(parts[1:], directions[1:], strict=True):
        projected.addmm_(part, own)
    return np.asarray(projected.cpu().numpy(), np.float32)


@lru_cache(maxsize=256)
def _pooling(cells: Cells, shape: tuple[int, int], device: torch.device) -> _Pooling:
    """The mean of the 3 x 3 patches around each, on the road of those on it alone, so that trees and sky do not count.

    A coarser map is interpolated linearly between its cells' middles. Both together are one sparse matrix, and only the
    road's patches are computed: the map as a whole took four times as long.

    Args:
        shape: (h, w) of the map.
    """
    near = sparse.kron(
        *(sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)) for n in cells.shape), "csr"
    )
    road = sum(
        sparse.diags_array(own.astype(np.float64))
        @ near[cells.index]
        @ sparse.diags_array(cells.grid(own).ravel().astype(np.float64))
        for own in (cells.inside, ~cells.inside)
    )
    mean = sparse.diags_array(1 / road.sum(axis=1)) @ road
    fine = sparse.kron(*(_stretch(own, others) for own, others in zip(cells.shape, shape, strict=True)), "csr")
    matrix = sparse.csr_array(mean @ fine)
    matrix.eliminate_zeros()
    weights = torch.from_numpy(matrix.data.astype(np.float32)).to(device)
    places = *np.unique(matrix.indices, return_inverse=True), matrix.indptr[:-1]
    used, indices, starts = (torch.from_numpy(part.astype(np.int64)).to(device) for part in places)
    return _Pooling(used, indices, weights, starts)


def _stretch(size: int, from_size: int) -> sparse.csr_array:
    """(size, from_size): linear interpolation of a row of values to another number of them; ends go on as they are."""
    place = np.clip((np.arange(size) + 0.5) * from_size / size - 0.5, 0, from_size - 1)
    low = np.minimum(place.astype(np.int64), max(from_size - 2, 0))
    high, share = np.minimum(low + 1, from_size - 1), place - low
    values = np.concatenate([1 - share, share])
    rows = np.tile(np.arange(size), 2)
    return sparse.csr_array((values, (rows, np.concatenate([low, high]))), shape=(size, from_size))
