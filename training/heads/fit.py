"""Training a network on kept examples: learning-rate range test, annealing, class weights, early stopping."""

import copy
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, StepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.heads.loss import Many, class_weights, loss_of

Schedule = Literal["cosine", "one-cycle", "step"]
_AVERAGE = 0.95
_RANGE_STEPS, _RANGE = 60, (1e-5, 1.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        patience: epochs without a better validation loss after which training stops.
        lr: highest learning rate; None asks the range test.
        balanced: weigh classes by their rarity; the shift of probabilities that this makes is taken back at the end.
    """

    epochs: int = 25
    batch: int = 8
    schedule: Schedule = "one-cycle"
    patience: int = 12
    lr: float | None = None
    weight_decay: float = 1e-3
    balanced: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """Examples of one split: per variant (N, …) and labels (N,) or (N, gh, gw). Variant 0 is unchanged.

    Attributes:
        sides: per variant (N, gh, gw, 4), of a head with boxes; see `training.heads.targets`.
    """

    inputs: list[Many]
    labels: list[Many]
    sides: list[Many] | None = None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of each example's input, in their order; those of one shape can go together."""
        return [tuple(own.shape) for own in self.inputs[0]]


@dataclass(slots=True)
class History:
    """What happened.

    Attributes:
        train_loss, val_loss: per epoch.
        lr: the highest learning rate.
        range_test: learning rate and smoothed loss of each step of the range test.
        best: epoch, counted from 0, whose weights were kept.
    """

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    lr: float = 0.0
    range_test: list[tuple[float, float]] = field(default_factory=list)
    best: int = 0
    seconds: float = 0.0


def fit(
    module: nn.Module, train: Kept, val: Kept, classes: int, plan: Plan,
    tell: Callable[[int, float, float], None] = lambda epoch, train_loss, val_loss: None,
) -> History:  # fmt: skip
    """Train in place; the weights of the epoch with the least validation loss stay.

    Args:
        tell: is called after each epoch: how many have ended, the loss in training and in validation.
    """
    begun = time.perf_counter()
    generator = torch.Generator().manual_seed(plan.seed)
    weights = class_weights(train.labels[0], classes) if plan.balanced else torch.ones(classes)
    history = History()
    if plan.lr is None:
        history.range_test = range_test(module, train, weights, plan)
    history.lr = plan.lr or pick_lr(history.range_test)
    optimiser = torch.optim.AdamW(module.parameters(), lr=history.lr, weight_decay=plan.weight_decay)
    steps = plan.epochs * sum(math.ceil(count / plan.batch) for count in Counter(train.shapes).values())
    schedule = _schedule(optimiser, plan.schedule, history.lr, steps)
    # Weights averaged over the last steps are judged and kept: single steps jump too much to choose among them.
    average = AveragedModel(module, multi_avg_fn=_averaging(), use_buffers=True)
    best, kept = math.inf, copy.deepcopy(module.state_dict())
    for epoch in range(plan.epochs):
        module.train()
        losses = []
        for inputs, labels, sides in _batches(train, plan.batch, generator):
            losses.append(_step(module, optimiser, inputs, labels, sides, weights))
            schedule.step()
            average.update_parameters(module)
        history.train_loss.append(sum(losses) / len(losses))
        told = predict(average, val.inputs[0])
        loss = float(loss_of(told, val.labels[0], val.sides[0] if val.sides else None, weights))
        history.val_loss.append(loss)
        tell(epoch + 1, history.train_loss[-1], loss)
        if loss < best:
            best, kept, history.best = loss, copy.deepcopy(average.module.state_dict()), epoch
        elif epoch - history.best >= plan.patience:
            break
    module.load_state_dict(kept)
    module.eval()
    _take_back(module, weights)
    history.seconds = time.perf_counter() - begun
    return history


def range_test(module: nn.Module, train: Kept, weights: Tensor, plan: Plan) -> list[tuple[float, float]]:
    """The loss while the learning rate grows; the module is left as it was.

    Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017.
    """
    before = copy.deepcopy(module.state_dict())
    generator = torch.Generator().manual_seed(plan.seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=_RANGE[0], weight_decay=plan.weight_decay)
    growth = (_RANGE[1] / _RANGE[0]) ** (1 / (_RANGE_STEPS - 1))
    curve: list[tuple[float, float]] = []
    smooth, least, lr = 0.0, math.inf, _RANGE[0]
    batches = _batches(train, plan.batch, generator)
    module.train()
    for step in range(_RANGE_STEPS):
        batch = next(batches, None)
        if batch is None:
            batches = _batches(train, plan.batch, generator)
            batch = next(batches)
        for group in optimiser.param_groups:
            group["lr"] = lr
        smooth = 0.8 * smooth + 0.2 * _step(module, optimiser, *batch, weights)
        value = smooth / (1 - 0.8 ** (step + 1))
        curve.append((lr, value))
        least = min(least, value)
        if not math.isfinite(value) or value > 4 * least:
            break
        lr *= growth
    module.load_state_dict(before)
    return curve


def pick_lr(curve: list[tuple[float, float]]) -> float:
    """A tenth of the rate at which the loss was least: there it still fell steeply.

    Example:
        >>> round(pick_lr([(0.003, 1.0), (0.03, 0.5), (0.1, 0.9)]), 6)
        0.003
    """
    finite = [(loss, lr) for lr, loss in curve if math.isfinite(loss)]
    return min(max(min(finite)[1] / 10, 3e-4), 1e-2) if finite else 1e-3


@torch.no_grad()
def predict(module: nn.Module, inputs: Many, batch: int = 32) -> Many:
    """Outputs for all inputs, in their order; stacked where the inputs are."""
    module.eval()
    if not isinstance(inputs, Tensor):
        return [module(own[None])[0].float() for own in inputs]
    return torch.cat([module(inputs[start : start + batch]).float() for start in range(0, len(inputs), batch)])


def _step(
    module: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, labels: Tensor, sides: Tensor | None,
    weights: Tensor,
) -> float:  # fmt: skip
    loss = loss_of(module(inputs), labels, sides, weights)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return float(loss.detach())


def _batches(
    kept: Kept, size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:  # fmt: skip
    """One epoch: each picture once, in one of its variants, those of one shape together.

    A last batch of one is left out (batch norm).
    """
    for rows in _groups(kept.shapes, size, generator):
        chosen = torch.randint(len(kept.inputs), (len(rows),), generator=generator).tolist()
        pairs = list(zip(chosen, rows, strict=True))
        yield (
            torch.stack([kept.inputs[variant][row] for variant, row in pairs]),
            torch.stack([kept.labels[variant][row] for variant, row in pairs]),
            torch.stack([kept.sides[variant][row] for variant, row in pairs]) if kept.sides else None,
        )


def _groups(shapes: list[tuple[int, ...]], size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Indices of each batch: full ones as they fill, then what remains of each shape."""
    waiting: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    many = {shape for shape, count in Counter(shapes).items() if count > size}
    for index in torch.randperm(len(shapes), generator=generator).tolist():
        group = waiting[shapes[index]]
        group.append(index)
        if len(group) == size:
            yield waiting.pop(shapes[index])
    yield from (group for shape, group in waiting.items() if len(group) > 1 or shape not in many)


def _averaging() -> Any:
    return get_ema_multi_avg_fn(_AVERAGE)  # type: ignore[no-untyped-call]


def _schedule(optimiser: torch.optim.Optimizer, name: Schedule, lr: float, steps: int) -> LRScheduler:
    if name == "one-cycle":
        return OneCycleLR(optimiser, lr, total_steps=steps + 1)
    if name == "cosine":
        return CosineAnnealingLR(optimiser, steps + 1, eta_min=lr / 100)
    return StepLR(optimiser, max(1, steps // 3), gamma=0.1)


@torch.no_grad()
def _take_back(module: nn.Module, weights: Tensor) -> None:
    """Class weights act as other frequencies of the classes; the last layer's bias gives back the true ones."""
    last = [part for part in module.modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    assert last.bias is not None
    last.bias[: len(weights)].sub_(weights.log())  # behind them are the sides of boxes
