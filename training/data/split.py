"""Which pictures training may see and which judge it: by camera and time, so that no scene is on both sides.

Frames of one fixed camera a few minutes apart show the same vehicles, light and stains; a test on them would only ask
what was learned by heart. So pictures of one camera with less than a gap between each and the next are one group, and
a group lies on one side. What was decided once stays, however the data grow.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clock import NS
from shared.exceptions import ConfigError, InputError
from training.data.capture import Capture, capture_of
from training.data.coco_split import held_out

Side = Literal["train", "test", "between"]
FILE = "split.json"
GAP_S, SHARE = 600.0, 0.2
_COCO_DIGITS = 12


class Split(BaseModel):
    """What `split.json` holds; pictures by their path below its folder.

    Attributes:
        gap_s: pictures of one camera closer than this are one group.
        share: of the groups that are held out.
        between: came later and lie within the gap of both sides, so neither may have them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gap_s: Annotated[float, Field(ge=0)] = GAP_S
    share: Annotated[float, Field(gt=0, lt=1)] = SHARE
    train: list[str] = []
    test: list[str] = []
    between: list[str] = []

    def sides(self) -> dict[str, Side]:
        """The side of each picture."""
        listed: dict[Side, list[str]] = {"train": self.train, "test": self.test, "between": self.between}
        return {name: side for side, names in listed.items() for name in names}


def divide(names: Iterable[str], gap_s: float = GAP_S, share: float = SHARE, earlier: Split | None = None) -> Split:
    """Give every picture a side; those that have one keep it.

    A new group is held out by the SHA-256 of its camera and first time (or of the name, where that does not say
    them), so the same pictures fall the same way on every computer. COCO's pictures fall as `coco_split` says.
    """
    names = sorted(set(names))
    known: Mapping[str, Side] = earlier.sides() if earlier else {}
    sides: dict[str, Side] = {}
    for group in grouped(names, round(gap_s * NS)):
        sides.update(_sides_of(group, known, share))
    lists: dict[str, list[str]] = {"train": [], "test": [], "between": []}
    for name in names:
        lists[sides[name]].append(name)
    return Split(gap_s=gap_s, share=share, **lists)


def grouped(names: Sequence[str], gap_ns: int = round(GAP_S * NS)) -> Iterator[list[str]]:
    """Pictures of one camera in the order of their time; a group ends where the camera changes or the gap is reached.

    One whose name tells no camera and time is a group by itself.
    """
    taken: list[tuple[Capture, str]] = []
    for name in names:
        if (capture := capture_of(name)) is None:
            yield [name]
        else:
            taken.append((capture, name))
    group: list[str] = []
    last: Capture | None = None
    for capture, name in sorted(taken):
        if last is not None and (capture.camera != last.camera or capture.time - last.time >= max(gap_ns, 1)):
            yield group
            group = []
        group.append(name)
        last = capture
    if group:
        yield group


def _sides_of(group: Sequence[str], known: Mapping[str, Side], share: float) -> dict[str, Side]:
    fixed: dict[str, Side] = {name: known[name] for name in group if known.get(name, "between") != "between"}
    if len(set(fixed.values())) < 2:
        drawn: Side = "test" if _falls_out(group[0], share) else "train"
        return dict.fromkeys(group, next(iter(fixed.values()), drawn))
    # New pictures have joined groups of both sides. Those between two pictures of one side belong there.
    result: dict[str, Side] = dict(fixed)
    marks = [index for index, name in enumerate(group) if name in fixed]
    result.update(dict.fromkeys(group[: marks[0]], fixed[group[marks[0]]]))
    result.update(dict.fromkeys(group[marks[-1] :], fixed[group[marks[-1]]]))
    for first, last in pairwise(marks):
        same = fixed[group[first]] == fixed[group[last]]
        inner: Side = fixed[group[first]] if same else "between"
        result.update(dict.fromkeys(group[first + 1 : last], inner))
    return result


def coco_number(stem: str) -> int | None:
    """The number of a picture of COCO, from its name without suffix."""
    return int(stem) if len(stem) == _COCO_DIGITS and stem.isdigit() else None


def _falls_out(name: str, share: float) -> bool:
    stem = Path(name).stem
    if (number := coco_number(stem)) is not None:
        return held_out(number)
    capture = capture_of(name)
    key = f"{capture.camera}_{capture.time}" if capture else stem
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32 < share


def read_split(folder: Path) -> Split | None:
    """The folder's split; None when there is none.

    Raises:
        InputError: the file is not what `wayside data split` wrote.
    """
    file = folder / FILE
    try:
        return Split.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        text = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise InputError(f"{file}: {text}; `wayside data split {folder} --anew` writes it anew") from None


def split_folder(folder: Path, names: Iterable[str], gap_s: float, share: float, *, anew: bool = False) -> Split:
    """Divide the pictures with these paths below the folder and write `split.json`.

    Raises:
        ConfigError: the folder was split with another gap or share.
        InputError: its `split.json` cannot be read.
    """
    earlier = None if anew else read_split(folder)
    if earlier is not None and (earlier.gap_s, earlier.share) != (gap_s, share):
        raise ConfigError(
            f"{folder / FILE}: was made with --gap {earlier.gap_s:g} --share {earlier.share:g}; give the same, or "
            "--anew to forget which pictures were held out"
        )
    result = divide(names, gap_s, share, earlier)
    partial = folder / f".{FILE}.partial"
    partial.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / FILE)
    return result


def side_of(path: Path) -> Side | None:
    """The side of a picture in the `split.json` of the nearest folder above it; None where no split exists.

    Raises:
        InputError: the split does not know the picture, or cannot be read.
    """
    path = path.absolute()
    for folder in path.parents:
        try:
            changed = (folder / FILE).stat().st_mtime_ns
        except OSError:
            continue
        sides = _sides_in(folder, changed)
        name = path.relative_to(folder).as_posix()
        if name not in sides:
            raise InputError(f"{path}: is not in {folder / FILE}; `wayside data split {folder}` adds what is new")
        return sides[name]
    return None


@lru_cache(maxsize=16)
def _sides_in(folder: Path, changed: int) -> dict[str, Side]:
    """Read once per version of the file, which `changed` tells apart."""
    split = read_split(folder)
    return split.sides() if split else {}
