"""A small convolutional autoencoder of patches of the road: what it cannot draw again is not the road it has learned.

After Hasan et al. (CVPR 2016) and Bergmann et al. (VISAPP 2019), trained for one camera on its own pictures.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

# Side of a patch, and of the squares in which its error is told, in pixels of the detector's input.
PATCH, CELL = 32, 8
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Schedule:
    """How it is trained: numbers per patch in the middle, steps of `_BATCH` patches, the highest learning rate."""

    latent: int = 32
    steps: int = 300
    rate: float = 3e-3


class PatchAutoencoder(nn.Module):
    """(N, 3, 32, 32) in 0..1 → the same, through `latent` numbers."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, latent),
        )  # fmt: skip
        self.up = nn.Sequential(
            nn.Linear(latent, 512), nn.ReLU(), nn.Unflatten(1, (32, 4, 4)),
            nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, 2, 1),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        """The patches, drawn again."""
        drawn: Tensor = self.up(self.down(patches))
        return drawn


def train(patches: NDArray[np.uint8], schedule: Schedule, seed: int) -> PatchAutoencoder:
    """Fit to (N, 3, 32, 32) patches; the same call gives the same network on the same machine.

    Raises:
        ValueError: no patches.
    """
    if not len(patches):
        raise ValueError("no patch of the road was ever seen free")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PatchAutoencoder(schedule.latent)
    random = np.random.default_rng(seed)
    # It begins with the mean picture, and learns what differs from it.
    last = network.up[-1]
    assert isinstance(last, nn.ConvTranspose2d)
    assert last.bias is not None
    last.bias.data = torch.from_numpy(patches.mean(axis=(0, 2, 3), dtype=np.float64).astype(np.float32) / 255)
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.rate)
    planned = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, total_steps=schedule.steps)
    for _ in range(schedule.steps):
        batch = torch.from_numpy(patches[random.integers(0, len(patches), _BATCH)]).float() / 255
        loss = functional.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        planned.step()
    return network.eval()


@torch.inference_mode()
def errors(network: PatchAutoencoder, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 4, 4) mean squared error of each square of `CELL` pixels."""
    given = torch.from_numpy(patches).float() / 255
    square = ((network(given) - given) ** 2).mean(dim=1, keepdim=True)
    return functional.avg_pool2d(square, CELL)[:, 0].numpy()
