"""`wayside data from-alerts`: what operators said of alerts, as pictures to train on.

The detector's own boxes are the labels of everything else on the frame, for a person to correct: a picture with one
labelled object teaches that all others are background.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.detector.found import Found
from services.detector.stage import DetectorStage
from shared.clock import to_rfc3339
from shared.frames import Frame
from shared.geometry import area, intersection
from shared.jpeg import decode_jpeg, encode_jpeg
from training.data.capture import Capture, picture_name
from training.data.class_folders import crop
from training.data.detecting import LEAST, detect
from training.data.labelled import LabelledPicture, labelled
from training.data.problems import Problems
from training.data.verdicts import Judged
from training.data.yolo_folder import write_labels

Row = tuple[str, NDArray[np.float64]]
# Incidents that say "here is such a thing": a dismissal says that there is none, and its box goes.
PRESENCE = frozenset({"person-on-lane", "animal-on-lane", "obstacle-on-lane"})
# Incidents about what a thing does: a confirmation confirms the thing; a dismissal leaves open whether it is there.
CONDUCT = frozenset({"stopped-vehicle", "wrong-way", "intrusion", "stand-occupied", "service-vehicle"})
FOLDERS = {"acknowledged": "true-alarm", "dismissed": "false-alarm"}
# Two boxes are of the same thing when they overlap by this share of their union.
_SAME = 0.4
_COLUMNS = ("alert_id", "incident", "camera", "time", "verdict", "label", "picture", "crop")


@dataclass(frozen=True, slots=True)
class Written:
    """Attributes: pictures for the detector, crops for heads."""

    pictures: int
    crops: int


def write(
    judged: Sequence[Judged], frames: Mapping[str, Frame], stage: DetectorStage, batch: int, out: Path,
    problems: Problems,
) -> Written:  # fmt: skip
    """Write `out/detector` (YOLO), `out/crops/INCIDENT/true-alarm|false-alarm` and `out/alerts.csv`.

    Args:
        judged: with verdicts; those without a frame are left out.
        frames: by alert id.
    """
    moments: defaultdict[Capture, list[Judged]] = defaultdict(list)
    by_capture: dict[Capture, Frame] = {}
    for item in judged:
        if (frame := frames.get(item.alert.alert_id)) is not None:
            capture = Capture(frame.camera, frame.captured_at)
            moments[capture].append(item)
            by_capture[capture] = frame
    images = out / "detector" / "images"
    images.mkdir(parents=True, exist_ok=True)
    pictures: list[LabelledPicture] = []
    rows: list[list[str]] = []
    for frame, found in detect(stage, (by_capture[capture] for capture in sorted(by_capture)), batch, problems):
        capture = Capture(frame.camera, frame.captured_at)
        name = picture_name(capture)
        objects, used = relabel(objects_of(found, stage.backend.labels), moments[capture], problems)
        if used:
            (images / name).write_bytes(frame.jpeg)
            pictures.append(labelled(images / name, name, (frame.width, frame.height), objects))
        for number, item in enumerate(moments[capture], 1):
            cut = _write_crop(frame, item, out, name.replace(".jpg", f"-{number}.jpg"))
            alert = item.alert
            shown = name if item.alert.alert_id in used else ""
            rows.append(
                [
                    alert.alert_id, alert.incident, alert.camera, to_rfc3339(frame.captured_at), item.verdict or "",
                    alert.label, shown, cut,
                ]
            )  # fmt: skip
    names = list(dict.fromkeys([*stage.backend.labels, *(label for item in pictures for label in item.classes)]))
    write_labels(pictures, names, out / "detector")
    with (out / "alerts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
    return Written(len(pictures), len(rows))


def objects_of(found: Found, names: Sequence[str]) -> list[Row]:
    """What the detector is sure enough of to pre-label."""
    rows = zip(found.xyxy, found.scores, found.classes, strict=True)
    return [(names[label], np.asarray(box, np.float64)) for box, score, label in rows if score >= LEAST]


def relabel(objects: Sequence[Row], alerts: Sequence[Judged], problems: Problems) -> tuple[list[Row], set[str]]:
    """The objects of a frame after the operators' verdicts on its alerts, and the ids of those that changed it.

    A confirmed alert's object gets its label and box; what a dismissed alert wrongly took for an object is removed.
    A frame is of no use to the detector when every verdict on it leaves open what is there.
    """
    kept, used = list(objects), set()
    for item in alerts:
        alert, box = item.alert, np.array(item.alert.box, np.float64)
        confirmed = item.verdict == "acknowledged" and alert.incident in PRESENCE | CONDUCT
        denied = item.verdict == "dismissed" and alert.incident in PRESENCE
        if not confirmed and not denied:
            continue
        shares = overlap(box, [other for _, other in kept])
        if not item.opening and not (shares >= _SAME).any():
            problems.add(alert.alert_id, "its opening is not among the alerts, and nothing lies where its box is later")
            continue
        if confirmed and not item.opening:
            box = kept[int(shares.argmax())][1]
        kept = [row for row, share in zip(kept, shares, strict=True) if share < _SAME]
        if confirmed:
            kept.append((alert.label, box))
        used.add(alert.alert_id)
    return kept, used


def overlap(box: NDArray[np.float64], others: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(N,): common area as a share of the union's."""
    rows = np.array(others, np.float64).reshape(-1, 4)
    common = intersection(box[None], rows)[0]
    return np.asarray(common / np.maximum(area(box[None])[0] + area(rows) - common, 1e-12))


def _write_crop(frame: Frame, item: Judged, out: Path, name: str) -> str:
    assert item.verdict is not None
    file = Path("crops") / item.alert.incident / FOLDERS[item.verdict] / name
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    part = crop(decode_jpeg(frame.jpeg), np.array(item.alert.box, np.float64))
    (out / file).write_bytes(encode_jpeg(part, quality=95))
    return file.as_posix()
