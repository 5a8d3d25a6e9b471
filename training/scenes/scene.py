"""What a staged scene is: a place, things on their paths, and the truth."""

from collections.abc import Callable
from dataclasses import dataclass, field

from training.scenes.conditions import Conditions
from training.scenes.cutouts import Cutout
from training.scenes.paths import Path
from training.scenes.places import Place, View

FPS = 5
INCIDENTS = ("stopped-vehicle", "person-on-lane", "wrong-way", "animal-on-lane", "obstacle-on-lane")
NEGATIVES = ("traffic", "clip", "pause", "queue", "shadow", "wet", "light", "birds", "insect", "overhead-pause")
# Incidents in real footage. After the others: a scene's seed depends on its kind's place among all.
OVERHEAD = ("overhead-stop",)
KINDS = (*INCIDENTS, *NEGATIVES, *OVERHEAD)
Box = tuple[float, float, float, float]
SIZES = ((8, 16), (16, 24), (24, 40), (40, 80))


@dataclass(frozen=True, eq=False)
class Actor:
    """A thing of `metres` height on its path; it flies at `rise` metres and then has no contact shadow."""

    cutout: Cutout
    metres: float
    path: Path
    rise: float = 0.0


@dataclass(frozen=True, slots=True)
class Footage:
    """Real frames, shown as they are: the name of the clip, and the number of its frame at each second."""

    clip: str
    frame_at: Callable[[float], int]


@dataclass(frozen=True, slots=True)
class Staged:
    """One true incident: its type, a finer name for its row, its height in pixels, and seconds.

    An alert must name `zone`, or its box must overlap `actor`'s at its detection, or `box`.

    Attributes:
        box: of what stands in real footage, x1, y1, x2, y2 in 0..1.
        hidden_s: begin and end of the time when a nearer vehicle stands in front of it.
        hidden_share: how much of its box that vehicle's box covers.
    """

    incident: str
    row: str
    pixels: float
    start_s: float
    end_s: float
    actor: Actor | None = None
    zone: str | None = None
    hidden_s: tuple[float, float] | None = None
    hidden_share: float = 0.0
    box: Box | None = None


Times = list[tuple[float, float]]


@dataclass(eq=False)
class Scene:
    """A scene that is ready to be drawn.

    Attributes:
        footage: when real frames are shown as they are.
        closed: per lane the times when its through traffic is stopped upstream.
    """

    split: str
    kind: str
    seed: int
    seconds: float
    place: Place
    view: View
    conditions: Conditions
    actors: list[Actor] = field(default_factory=list)
    truth: list[Staged] = field(default_factory=list)
    footage: Footage | None = None
    closed: dict[int, Times] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.closed = {lane: [] for lane in range(self.place.lanes)}

    @property
    def id(self) -> str:
        """Names the scene and the camera."""
        return f"{self.split}-{self.kind}-{self.seed}"


def box_at(scene: Scene, actor: Actor, time_s: float) -> Box | None:
    """Where the thing is drawn: x1, y1, x2, y2 in 0..1 of the picture, unclipped; None while it is not there."""
    at = actor.path(time_s)
    if at is None:
        return None
    rows, columns = actor.cutout.alpha.shape
    row = scene.place.row_of(at[1])
    scale = scene.place.scale_of_row(row)
    tall, foot = actor.metres * scale, row - actor.rise * scale
    wide, column = tall * columns / rows, scene.place.column(at[0], row)
    height, width = scene.place.plate.shape[:2]
    return (column - wide / 2) / width, (foot - tall) / height, (column + wide / 2) / width, foot / height


def staged_box(scene: Scene, item: Staged, time_s: float) -> Box | None:
    """Where a staged thing is; None when it has no box of its own or is not there."""
    return box_at(scene, item.actor, time_s) if item.actor else item.box
