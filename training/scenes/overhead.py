"""Vehicles of parking-overhead.mp4 that stop: its own frames, ever more slowly, then one of them while they stand.

Nothing else moves on the tarmac, so slower frames show what a camera would have seen had the driver braked:
perspective, shadows and light are the clip's own. Noise and weather go on while the frame stands.
"""

from dataclasses import dataclass

import numpy as np

from training.scenes.scene import Footage, Scene, Staged

_RATE = 12.5
# Seconds in which a vehicle comes to rest from its pace in the clip, and gets up to it again.
_EASE_S = 2.0
_PAUSE_S = 5.0
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Stand:
    """A frame in which vehicles stand.

    Attributes:
        empty: (first, last) frames before it in which the tarmac is empty.
        after: a frame in which it is empty again.
        boxes: of what stands in the picture with half of its length or more; pixels of the clip, read off its frames.
    """

    frame: int
    empty: tuple[int, int]
    after: int
    boxes: tuple[Box, ...]


# Dev has the clip's first vehicle, test the three others.
STANDS: dict[str, tuple[Stand, ...]] = {
    "dev": (
        Stand(76, (0, 52), 140, ((270, 118, 452, 407),)),
        Stand(79, (0, 52), 140, ((270, 80, 440, 350),)),
        Stand(82, (0, 52), 140, ((270, 50, 429, 300),)),
    ),
    "test": (
        Stand(204, (112, 178), 270, ((98, 35, 257, 327), (308, 168, 488, 432))),
        Stand(208, (112, 178), 270, ((82, 88, 253, 410), (307, 118, 480, 405))),
        Stand(212, (112, 178), 270, ((67, 140, 250, 432), (307, 76, 470, 340))),
        Stand(218, (112, 178), 270, ((67, 238, 238, 432), (308, 14, 454, 240))),
        Stand(328, (242, 310), 370, ((148, 0, 317, 252),)),
        Stand(331, (242, 310), 370, ((134, 35, 312, 342),)),
        Stand(334, (242, 310), 370, ((122, 88, 306, 425),)),
    ),
}


def stage(scene: Scene, random: np.random.Generator) -> None:
    """Adds the footage and the truth to a scene on the parking place: a stop, or a pause that is none."""
    stands = STANDS[scene.split]
    stand = stands[scene.seed % len(stands)]
    # From the first to the last empty frame of the passage before it.
    least, most = (_arrival(stand.frame - frame) for frame in stand.empty[::-1])
    arrive = float(random.uniform(max(least, 3.0), most))
    leave = arrive + _PAUSE_S if scene.kind == "overhead-pause" else None
    first = stand.frame - _RATE * (arrive - _EASE_S / 2)

    def frame_at(time_s: float) -> int:
        left = max(arrive - time_s, 0.0)
        frame = stand.frame - _RATE * _eased(left)
        if leave is not None and time_s > leave:
            frame = stand.frame + _RATE * _eased(time_s - leave)
        return int(np.clip(frame, first, stand.after))

    scene.footage = Footage("parking", frame_at)
    if leave is not None:
        return
    height, width = scene.place.plate.shape[:2]
    for x1, y1, x2, y2 in stand.boxes:
        box = x1 / width, y1 / height, x2 / width, y2 / height
        scene.truth.append(Staged("stopped-vehicle", "stopped-vehicle", float(y2 - y1), arrive, scene.seconds, box=box))


def _arrival(frames: float) -> float:
    """Seconds after which one is at rest so many frames further on."""
    return frames / _RATE + _EASE_S / 2


def _eased(seconds: float) -> float:
    """Seconds of the clip between a moment and the rest, at constant deceleration within `_EASE_S`."""
    return seconds**2 / (2 * _EASE_S) if seconds < _EASE_S else seconds - _EASE_S / 2
