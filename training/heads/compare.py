"""All candidates trained and judged on the same pictures, the same augmented copies and the same splits."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.heads.augment import augment, augment_objects
from training.heads.box_figures import BoxFigures, figures_of
from training.heads.candidates import Candidate, FeatureHead, Scaled
from training.heads.dataset import IGNORED, SPLITS, DataSet, Objects, Picture, Pixels, Split
from training.heads.fit import History, Kept, Plan, fit, predict
from training.heads.loss import Many, examples
from training.heads.measure import Measured, best_threshold, measure, temperature_of
from training.heads.targets import targets

# The picture of an ordinary 16:9 camera as the detector sees it: (height, width).
FRAME = (384, 640)
_TIMED = 15
_JUDGED: tuple[Split, ...] = ("val", "test")


@dataclass(slots=True)
class Result:
    """One candidate after training.

    Attributes:
        seconds: preparing the pictures of train and validation, and training, wall clock.
        ms: milliseconds per frame of 640x384, beside the detector's own pass.
        detector_ms: of the whole detector's pass at this size, measured in turns with `ms`; None but for ours.
        boxes: figures of its boxes on the test split; None where the data have none.
        ahead: 95 % interval of ours' F1 minus this candidate's on the same resampled pictures; None for ours.
    """

    name: str
    words: str
    module: nn.Module
    history: History
    temperature: float
    threshold: float
    val: Measured
    test: Measured
    seconds: float
    ms: float
    parameters: int
    detector_ms: float | None = None
    boxes: BoxFigures | None = None
    ahead: tuple[float, float] | None = None


def compare(
    data: DataSet, candidates: Sequence[Candidate], plan: Plan, say: Callable[[str], None] = lambda line: None
) -> list[Result]:
    """Train and judge each candidate.

    Args:
        say: is given a line after each split that is prepared, each epoch and each candidate. Epochs count through all
            candidates, of as many as they may have; one that ends early leaves a gap.
    """
    kept, seconds = prepare(data, candidates, plan.seed, say)
    results = []
    for number, candidate in enumerate(candidates):
        splits = kept[candidate.name]
        told = _teller(candidate.name, number * plan.epochs, len(candidates) * plan.epochs, plan, say)
        result = _judged(data, candidate, splits, plan, seconds[candidate.name], told)
        results.append(result)
        boxes = f", of the boxes {result.boxes.f1:.3f}," if result.boxes else ""
        say(
            f"{candidate.name}: F1 {result.test.f1:.3f}{boxes} on the test split after "
            f"{len(result.history.val_loss)} epochs, {result.seconds:.0f} s in all, {result.history.seconds:.0f} s of "
            "them training"
        )
    ours = next((result for result in results if isinstance(result.module, Scaled)), None)
    for result in results:
        if ours is not None and result is not ours:
            ahead = ours.test.draws - result.test.draws
            result.ahead = float(np.quantile(ahead, 0.025)), float(np.quantile(ahead, 0.975))
    return results


def prepare(
    data: DataSet, candidates: Sequence[Candidate], seed: int, say: Callable[[str], None]
) -> tuple[dict[str, dict[Split, Kept]], dict[str, float]]:
    """What each candidate keeps of each picture, and the seconds that it took for train and validation."""
    kept: dict[str, dict[Split, Kept]] = {candidate.name: {} for candidate in candidates}
    seconds = dict.fromkeys(kept, 0.0)
    for split in SPLITS:
        count = 1 + data.variants if split == "train" else 1
        inputs: dict[str, list[list[Tensor]]] = {name: [[] for _ in range(count)] for name in kept}
        labels: list[list[Tensor]] = [[] for _ in range(count)]
        sides: list[list[Tensor]] = [[] for _ in range(count)]
        for picture in data.of(split):
            whole = picture.load()
            for variant in range(count):
                rng = np.random.default_rng([seed, variant, *picture.name.encode()]) if variant else None
                pixels, label, distances = _copy(whole, picture, data, rng)
                labels[variant].append(torch.from_numpy(np.array(label)))
                if distances is not None:
                    sides[variant].append(torch.from_numpy(distances))
                for candidate in candidates:
                    begun = time.perf_counter()
                    inputs[candidate.name][variant].append(candidate.prepare(pixels))
                    if split != "test":
                        seconds[candidate.name] += time.perf_counter() - begun
        if data.cells is not None:
            # As they are: pictures of different sizes have different grids.
            for name, rows in inputs.items():
                kept[name][split] = Kept([*rows], [*labels], [*sides])
        else:
            stacked: list[Many] = [torch.stack(row) for row in labels]
            for name, rows in inputs.items():
                kept[name][split] = Kept([torch.stack(row) for row in rows], stacked)
        say(f"{split}: {len(data.of(split))} pictures, {count} copies of each")
    return kept, seconds


def _copy(
    whole: Pixels, picture: Picture, data: DataSet, rng: np.random.Generator | None
) -> tuple[Pixels, NDArray[np.int64], NDArray[np.float32] | None]:
    """A picture or, with `rng`, an augmented copy of it; its label, and the sides of its boxes where there are any."""
    if data.cells is None or picture.objects is None:
        return *(augment(whole, picture.label, data, rng) if rng else (whole, picture.label)), None
    pixels, objects = augment_objects(whole, picture.objects, data, rng) if rng else (whole, picture.objects)
    return pixels, *targets(objects, data.cells)


def _teller(
    name: str, before: int, whole: int, plan: Plan, say: Callable[[str], None]
) -> Callable[[int, float, float], None]:
    """Says each epoch of a candidate in the words that the training service looks for (training/service/job.py)."""

    def told(epoch: int, train_loss: float, val_loss: float) -> None:
        say(
            f"epoch {before + epoch} of {whole}: {name} {epoch} of {plan.epochs}, "
            f"loss {train_loss:.3f}, in validation {val_loss:.3f}"
        )

    return told


def _judged(
    data: DataSet, candidate: Candidate, splits: dict[Split, Kept], plan: Plan, prepare_seconds: float,
    tell: Callable[[int, float, float], None],
) -> Result:  # fmt: skip
    torch.manual_seed(plan.seed)
    classes = len(data.classes)
    module = candidate.build(_sample(splits["train"].inputs[0]))
    history = fit(module, splits["train"], splits["val"], classes, plan, tell)
    told = {split: predict(module, splits[split].inputs[0]) for split in _JUDGED}
    rows = {split: examples(told[split], splits[split].labels[0], classes) for split in _JUDGED}
    temperature = temperature_of(*rows["val"])
    logits, labels = rows["val"]
    normal = torch.softmax(logits / temperature, 1)[:, 0].double().numpy()
    threshold = best_threshold(1 - normal, labels.numpy())
    val, test = (measure(*rows[split], groups_of(data, split), temperature, threshold) for split in _JUDGED)
    ms, detector_ms = _speed(candidate, module, temperature)
    return Result(
        candidate.name, candidate.words, module, history, temperature, threshold, val, test,
        prepare_seconds + history.seconds, ms, sum(part.numel() for part in module.parameters()), detector_ms,
        boxes_of(told["test"], data, temperature, threshold),
    )  # fmt: skip


def boxes_of(outputs: Many, data: DataSet, temperature: float, threshold: float) -> BoxFigures | None:
    """Figures of the boxes that these outputs tell of the test pictures; None where the data have no boxes."""
    if data.cells is None:
        return None
    pictures = data.of("test")
    objects: list[Objects] = [picture.objects for picture in pictures if picture.objects is not None]
    groups = [picture.group for picture in pictures]
    return figures_of(list(outputs), objects, groups, data.cells, len(data.classes), temperature, threshold)


def _sample(inputs: Many) -> Tensor:
    """Stacked; of inputs with different sizes all their cells in one row, since means and deviations are wanted."""
    if isinstance(inputs, Tensor):
        return inputs
    return torch.cat([own.flatten(1) for own in inputs], dim=1)[None, :, :, None]


def groups_of(data: DataSet, split: Split) -> NDArray[np.int64]:
    """Per example (cells that are asked for count each) the number of its picture's group."""
    pictures = data.of(split)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(picture.group for picture in pictures))}
    counts = [int((np.ravel(picture.label) != IGNORED).sum()) for picture in pictures]
    return np.repeat([numbers[picture.group] for picture in pictures], counts)


def _speed(candidate: Candidate, module: nn.Module, temperature: float) -> tuple[float, float | None]:
    """Lower quartiles of some passes, since other work on the computer only ever adds."""
    frame: Pixels = np.random.default_rng(0).integers(0, 255, (*FRAME, 3), dtype=np.uint8)
    if isinstance(candidate, FeatureHead):
        assert isinstance(module, Scaled)
        backend = candidate.backbone.backend
        net = copy.deepcopy(module.net).to(backend.device)
        maps = candidate.backbone.maps(frame)
        # On the CPU again: only then a GPU has done it.
        times = np.array([(_ms(lambda: net.probabilities(maps).cpu()), _ms(lambda: backend.forward(frame[None])))
                          for _ in range(_TIMED)])  # fmt: skip
        own, whole = np.quantile(times, 0.25, axis=0)
        return float(own), float(whole)
    spent = [_ms(lambda: predict(module, candidate.prepare(frame)[None])) for _ in range(_TIMED)]
    return float(np.quantile(spent, 0.25)), None


def _ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000
