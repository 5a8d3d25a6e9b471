"""What a patch looks like: the backbone's features, in a form that is compared by distance.

After PatchCore (Roth et al., "Towards total recall in industrial anomaly detection", CVPR 2022): features of two middle
layers of a network that was trained for something else, each averaged over 3 x 3 patches. The projection keeps
distances to within some per cent (Johnson and Lindenstrauss, 1984) and makes the memory 2.7 times smaller.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.detector.backends.base import FeatureMap
from services.detector.memory.cells import Cells

# Of YOLOv8 and YOLO11: the backbone's stages at strides 8 and 16. Earlier ones see texture only, later ones are coarse.
LAYERS = (4, 6)
DIMENSIONS = 96


@cache
def _projection(channels: int) -> NDArray[np.float32]:
    """(channels, DIMENSIONS): orthogonal directions, drawn once and for ever by a fixed seed."""
    drawn = np.random.default_rng(4).standard_normal((channels, channels))
    directions = np.linalg.qr(drawn)[0][:, : min(DIMENSIONS, channels)]
    return np.asarray(directions * (channels / directions.shape[1]) ** 0.5, np.float32)


def describe_patches(maps: Mapping[int, FeatureMap], picture: int, cells: Cells) -> NDArray[np.float32]:
    """(K, DIMENSIONS): half the squared distance of two descriptors is about 1 minus the cosine of their features.

    Args:
        maps: layer → (N, C, h, w), of `LAYERS`.
        picture: its number in the maps.
    """
    mask = torch.from_numpy(cells.grid(np.ones(len(cells), np.bool_)).astype(np.float32))[None, None]
    weight = functional.avg_pool2d(mask, 3, 1, 1).flatten()[cells.index]
    index = torch.from_numpy(cells.index)
    features = [torch.as_tensor(maps[layer][picture : picture + 1]).float() for layer in LAYERS]
    # Where the maps are, on a GPU there: what comes back is a small part of them.
    mask, weight, index = (part.to(features[0].device) for part in (mask, weight, index))
    parts = [_part(one, mask, weight, index, cells.shape) for one in features]
    joined = torch.cat(parts, dim=1).cpu().numpy() * np.float32(len(parts) ** -0.5)
    return np.asarray(joined @ _projection(joined.shape[1]), np.float32)


def _part(features: Tensor, mask: Tensor, weight: Tensor, index: Tensor, shape: tuple[int, int]) -> Tensor:
    """(K, C) of unit length: of the patches on the road alone, so that trees and sky beside it do not count."""
    # As in PyTorch: graphs put out their channels first, and both steps then take 4 times as long.
    features = features.contiguous(memory_format=torch.channels_last)
    if features.shape[2:] != mask.shape[2:]:
        features = functional.interpolate(features, size=shape, mode="bilinear", align_corners=False)
    pooled = functional.avg_pool2d(features * mask, 3, 1, 1).flatten(2)[0][:, index] / weight
    return functional.normalize(pooled.T, dim=1)
