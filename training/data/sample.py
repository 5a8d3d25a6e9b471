"""`wayside data sample`: frames of clips and folders worth labelling, with the detector's boxes to correct."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from services.detector.stage import DetectorStage
from services.producer import probe, read_once
from services.producer.pictures import load_picture
from shared.clock import NS, to_rfc3339
from shared.exceptions import InputError, PoisonMessageError
from shared.frames import Frame
from shared.site import Camera
from training.data.capture import Capture, capture_of, picture_name
from training.data.detecting import LEAST, detect
from training.data.labelled import LabelledPicture, labelled
from training.data.near import look
from training.data.pictures import pictures_below
from training.data.problems import Problems
from training.data.sampling import Candidate, choose
from training.data.uncertainty import Seen, doubts
from training.data.yolo_folder import write_labels

_COLUMNS = ("picture", "camera", "time", "score", "unsure", "single", "missed", "objects", "reason")

_NO_BOXES = np.zeros((0, 4)), np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        sources: clips or folders of pictures, or ID=SOURCE.
        gap_s: no two pictures of one camera are closer.
        fps: frames looked at per second of a clip.
        start_ns: time of each clip's first frame.
        head: by whose doubt alone they are chosen; None: by the detector's, and that of all heads that it has.
    """

    sources: Sequence[str]
    count: int
    gap_s: float = 10.0
    fps: float = 5.0
    start_ns: int = 0
    head: str | None = None


def sample(wish: Wish, stage: DetectorStage, batch: int, out: Path, problems: Problems) -> list[Candidate]:
    """Write `images/`, `labels/` (boxes for a person to correct), `data.yaml` and `sample.csv`; returns the chosen.

    The sources are read twice, so that no frame has to be kept: once to look at each, once for the chosen ones.

    Raises:
        InputError: a source cannot be read.
    """
    cameras = cameras_of(wish)
    candidates: list[Candidate] = []
    boxes: dict[Capture, LabelledPicture] = {}
    for camera in cameras:
        seen: dict[Capture, Seen] = {}
        views = {}
        for frame, found in detect(stage, frames_of(camera, wish.start_ns, problems), batch, problems):
            capture = Capture(frame.camera, frame.captured_at)
            size = np.array([frame.width, frame.height, frame.width, frame.height])
            if wish.head is None:
                seen[capture] = Seen(frame.captured_at, found.xyxy * size, found.scores, tuple(found.heads))
            else:
                seen[capture] = Seen(frame.captured_at, *_NO_BOXES, tuple(found.heads))
            grey = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert grey is not None  # the stage has decoded it
            views[capture] = look(np.asarray(grey, np.uint8))
            rows = [
                (stage.backend.labels[label], box)
                for box, score, label in zip(found.xyxy, found.scores, found.classes, strict=True)
                if score >= LEAST
            ]
            name = picture_name(capture)
            boxes[capture] = labelled(out / "images" / name, name, (frame.width, frame.height), rows)
        per_camera: defaultdict[str, list[Capture]] = defaultdict(list)
        for capture in sorted(seen):
            per_camera[capture.camera].append(capture)
        for captures in per_camera.values():
            found_doubts = doubts([seen[capture] for capture in captures])
            candidates += [
                Candidate(capture, doubt, views[capture]) for capture, doubt in zip(captures, found_doubts, strict=True)
            ]
    chosen = choose(candidates, wish.count, wish.gap_s)
    _write(chosen, cameras, wish, boxes, stage.backend.labels, out)
    return chosen


def cameras_of(wish: Wish) -> list[Camera]:
    """Each source as a camera, named by `ID=` or by its file; every source is probed.

    Raises:
        InputError: it cannot be read, is live, or two have one name.
    """
    cameras: dict[str, Camera] = {}
    for text in wish.sources:
        given, _, path = text.partition("=")
        if not path or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", given):
            given, path = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(text).stem).strip("-._")[:64] or "camera", text
        if given in cameras:
            raise InputError(f"{path}: another source is called {given} too; say ID={path}")
        camera = Camera(id=given, source=path, fps=wish.fps, jpeg_quality=95, max_width=7680)
        if Path(path).is_dir():
            if next(pictures_below(Path(path)), None) is None:
                raise InputError(f"{path}: holds no pictures")
        elif not probe(camera).finite:
            raise InputError(f"{path}: is live; give a clip or a folder of pictures")
        cameras[given] = camera
    return list(cameras.values())


def frames_of(camera: Camera, start_ns: int, problems: Problems) -> Iterator[Frame]:
    """The frames of a clip, or the pictures below a folder; their names may say another camera and time."""
    folder = Path(camera.source)
    if not folder.is_dir():
        yield from read_once(camera, start_ns=start_ns)
        return
    for number, path in enumerate(pictures_below(folder)):
        capture = capture_of(path) or Capture(camera.id, start_ns + round(number * NS / camera.fps))
        try:
            jpeg, width, height = load_picture(path.read_bytes(), camera)
        except (PoisonMessageError, OSError) as error:
            problems.add(path, f"cannot be decoded ({error})")
            continue
        yield Frame(capture.camera, number, capture.time, width, height, jpeg)


def _write(
    chosen: Sequence[Candidate], cameras: Sequence[Camera], wish: Wish, boxes: dict[Capture, LabelledPicture],
    names: Sequence[str], out: Path,
) -> None:  # fmt: skip
    wanted = {item.capture for item in chosen}
    (out / "images").mkdir(parents=True, exist_ok=True)
    told = Problems()  # the first pass has noted what cannot be read
    for camera in cameras:
        for frame in frames_of(camera, wish.start_ns, told):
            if (capture := Capture(frame.camera, frame.captured_at)) in wanted:
                boxes[capture].path.write_bytes(frame.jpeg)
    write_labels([boxes[item.capture] for item in chosen], names, out)
    with (out / "sample.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for item in chosen:
            doubt, picture = item.doubt, boxes[item.capture]
            rows.writerow(
                [
                    picture.name, item.capture.camera, to_rfc3339(item.capture.time), f"{doubt.score:.3f}",
                    f"{doubt.uncertain:.3f}", doubt.single, doubt.missed, len(picture.classes), doubt.reason,
                ]
            )  # fmt: skip
