"""All candidates trained and judged on the same pictures, the same augmented copies and the same splits."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.heads.augment import augment
from training.heads.candidates import Candidate, FeatureHead, Scaled
from training.heads.dataset import IGNORED, SPLITS, DataSet, Pixels, Split
from training.heads.fit import History, Kept, Plan, fit, flat, predict
from training.heads.measure import Measured, best_threshold, measure, temperature_of

# The picture of an ordinary 16:9 camera as the detector sees it: (height, width).
FRAME = (384, 640)
_TIMED = 15


@dataclass(slots=True)
class Result:
    """One candidate after training.

    Attributes:
        seconds: preparing the pictures of train and validation, and training, wall clock.
        ms: milliseconds per frame of 640x384, beside the detector's own pass.
        detector_ms: of the whole detector's pass at this size, measured in turns with `ms`; None but for ours.
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
        say(
            f"{candidate.name}: F1 {result.test.f1:.3f} on the test split after {len(result.history.val_loss)} epochs, "
            f"{result.seconds:.0f} s in all, {result.history.seconds:.0f} s of them training"
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
        for picture in data.of(split):
            whole = picture.load()
            for variant in range(count):
                pixels, label = whole, picture.label
                if variant:
                    rng = np.random.default_rng([seed, variant, *picture.name.encode()])
                    pixels, label = augment(whole, label, data, rng)
                labels[variant].append(torch.from_numpy(np.array(label)))
                for candidate in candidates:
                    begun = time.perf_counter()
                    inputs[candidate.name][variant].append(candidate.prepare(pixels))
                    if split != "test":
                        seconds[candidate.name] += time.perf_counter() - begun
        stacked = [torch.stack(row) for row in labels]
        for name, rows in inputs.items():
            kept[name][split] = Kept([torch.stack(row) for row in rows], stacked)
        say(f"{split}: {len(data.of(split))} pictures, {count} copies of each")
    return kept, seconds


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
    told: Callable[[int, float, float], None],
) -> Result:  # fmt: skip
    torch.manual_seed(plan.seed)
    classes = len(data.classes)
    module = candidate.build(splits["train"].inputs[0])
    history = fit(module, splits["train"], splits["val"], classes, plan, told)
    rows = {split: flat(predict(module, splits[split].inputs[0]), splits[split].labels[0]) for split in ("val", "test")}
    temperature = temperature_of(*rows["val"])
    logits, labels = rows["val"]
    normal = torch.softmax(logits / temperature, 1)[:, 0].double().numpy()
    threshold = best_threshold(1 - normal, labels.numpy())
    val, test = (measure(*rows[split], groups_of(data, split), temperature, threshold) for split in ("val", "test"))
    ms, detector_ms = _speed(candidate, module, temperature)
    return Result(
        candidate.name, candidate.words, module, history, temperature, threshold, val, test,
        prepare_seconds + history.seconds, ms, sum(part.numel() for part in module.parameters()), detector_ms,
    )  # fmt: skip


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
