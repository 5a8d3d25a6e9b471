"""Which alerts belong to which truth, when `wayside eval` is given files, folders of runs, or several of each."""

from collections.abc import Sequence
from pathlib import Path

from shared.exceptions import InputError

ALERTS, TRUTH = "alerts.jsonl", "truth.json"


def pair_up(alerts: Sequence[Path], truths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs of an alerts file and its truth file.

    The n-th `--alerts` belongs to the n-th `--truth`. Each may be a file or the folder that holds it
    (`alerts.jsonl`, `truth.json`). A pair of folders of recordings is taken apart: each
    `ALERTS/<name>/alerts.jsonl` belongs to `TRUTH/<name>/truth.json` or `TRUTH/<name>.json`.

    Raises:
        InputError: a number that does not agree, a folder with nothing in it, or a recording without its other half.
    """
    if len(alerts) != len(truths):
        raise InputError(f"--alerts is given {len(alerts)} times and --truth {len(truths)} times; give them in pairs")
    return [pair for one, other in zip(alerts, truths, strict=True) for pair in _pairs(one, other)]


def _pairs(alerts: Path, truth: Path) -> list[tuple[Path, Path]]:
    if not alerts.is_dir() or (alerts / ALERTS).is_file():
        return [(_inside(alerts, ALERTS), _inside(truth, TRUTH))]
    names = sorted(path.parent.name for path in alerts.glob(f"*/{ALERTS}"))
    if not names:
        raise InputError(f"{alerts}: has neither {ALERTS} nor folders with one")
    if not truth.is_dir():
        raise InputError(f"{truth}: {alerts} holds {len(names)} recordings; give a folder with a truth for each")
    known = {path.parent.name for path in truth.glob(f"*/{TRUTH}")} | {path.stem for path in truth.glob("*.json")}
    if missing := sorted(known - set(names) - {Path(TRUTH).stem}):
        raise InputError(f"{truth}: {missing[0]} has a truth but {alerts / missing[0] / ALERTS} does not exist")
    return [(alerts / name / ALERTS, _truth_of(truth, name)) for name in names]


def _truth_of(folder: Path, name: str) -> Path:
    for path in (folder / name / TRUTH, folder / f"{name}.json"):
        if path.is_file():
            return path
    raise InputError(f"{folder}: has no truth for {name}; write {name}/{TRUTH} or {name}.json")


def _inside(path: Path, name: str) -> Path:
    return path / name if path.is_dir() else path
