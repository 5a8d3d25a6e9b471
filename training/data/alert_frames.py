"""The frames on which alerts opened, as the camera gave them: from the frames topic, or from the camera's clip.

Evidence pictures will not do: the box is drawn on them, and a detector would learn to find drawn boxes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from services.producer import probe, read_once
from shared.bus.base import Bus
from shared.clock import NS
from shared.exceptions import ConfigError, InputError, PoisonMessageError
from shared.frames import Frame
from shared.site import Camera
from training.data.problems import Problems
from training.data.verdicts import Judged

# A clip's frame this far from the alert's time is another frame: half of the time between frames at 25 per second.
_APART_NS = NS // 50
# Times in alerts have microseconds, those of frames nanoseconds.
_ROUNDED_NS = 1000


def clips(texts: Sequence[str]) -> dict[str, Camera]:
    """Cameras by id from `CAMERA=CLIP`, every frame of the clip to be read.

    Raises:
        ConfigError: not of that form.
        InputError: a clip cannot be read.
    """
    found = {}
    for text in texts:
        name, _, path = text.partition("=")
        try:
            found[name] = Camera(id=name, source=path, fps=60, jpeg_quality=95, max_width=7680)
        except ValidationError:
            raise ConfigError(f"--source {text!r}: say CAMERA=CLIP, with the camera's id as in the alerts") from None
        if not probe(found[name]).finite:
            raise InputError(f"{path}: is live; give a clip or a folder of pictures")
    return found


def from_bus(items: Iterable[Judged], bus: Bus, problems: Problems) -> dict[str, Frame]:
    """Frames by alert id, as far as the topic still has them.

    Raises:
        BusError: the bus does not answer.
    """
    found = {}
    for item in items:
        alert = item.alert
        if item.address is None:
            problems.add(alert.alert_id, "has no frame on the bus; give --source CAMERA=CLIP")
            continue
        record = bus.read(*item.address)
        try:
            frame = Frame.from_record(record) if record else None
        except PoisonMessageError as error:
            problems.add(alert.alert_id, f"its frame is not understood: {error}")
            continue
        if frame is None:
            problems.add(alert.alert_id, "retention has removed its frame; give --source CAMERA=CLIP")
        elif frame.camera != alert.camera or not 0 <= frame.captured_at - item.time < _ROUNDED_NS:
            problems.add(alert.alert_id, f"another frame lies at {'/'.join(map(str, item.address))}; is it this Kafka?")
        else:
            found[alert.alert_id] = frame
    return found


def from_clips(
    items: Iterable[Judged], cameras: Mapping[str, Camera], start_ns: int, problems: Problems
) -> dict[str, Frame]:
    """Frames by alert id; each clip is read once.

    Args:
        start_ns: UTC ns of each clip's first frame.

    Raises:
        InputError: a clip cannot be read.
    """
    wanted: defaultdict[str, list[Judged]] = defaultdict(list)
    for item in items:
        if item.alert.camera in cameras:
            wanted[item.alert.camera].append(item)
        else:
            problems.add(
                item.alert.alert_id, f"no frames of {item.alert.camera}; give --source {item.alert.camera}=CLIP"
            )
    found: dict[str, Frame] = {}
    for name, rows in wanted.items():
        nearest: dict[str, Frame] = {}
        for frame in read_once(cameras[name], start_ns=start_ns):
            for item in rows:
                known = nearest.get(item.alert.alert_id)
                if known is None or abs(frame.captured_at - item.time) < abs(known.captured_at - item.time):
                    nearest[item.alert.alert_id] = frame
        for item in rows:
            frame = nearest[item.alert.alert_id]
            if abs(frame.captured_at - item.time) < _APART_NS:
                found[item.alert.alert_id] = frame
            else:
                problems.add(item.alert.alert_id, f"{cameras[name].source} has no frame at {item.alert.detected_at}")
    return found
