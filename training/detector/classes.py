"""The classes that Wayside's own model publishes, and the finer ones that it learns.

It keeps a row per class of its start (COCO's 80) and publishes the class that the best row belongs to: so nothing that
the start knows is lost, and a sheep is an `animal` to the rules. What COCO has no row for gets a new one.
"""

from collections.abc import Iterable, Sequence

from ultralytics.utils import YAML
from ultralytics.utils.checks import check_yaml

# What roads and aprons ask for. COCO's other names go into `object`. Birds have their own class, since they are no
# animals on a lane; what stands beside a lane all day is `fixture`, since it is no obstacle. COCO has no cones.
CLASSES: dict[str, tuple[str, ...]] = {
    "person": ("person",),
    "bicycle": ("bicycle",),
    "car": ("car",),
    "motorcycle": ("motorcycle",),
    "bus": ("bus",),
    "truck": ("truck",),
    "train": ("train",),
    "aircraft": ("airplane",),
    "animal": ("cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "bird": ("bird",),
    "luggage": ("backpack", "handbag", "suitcase"),
    "fixture": ("traffic light", "fire hydrant", "stop sign", "parking meter"),
    "cone": (),
    "object": (),
}
NAMES = tuple(CLASSES)
# Those that COCO has too and that mean the same there: an own model must not be worse on them.
SHARED = tuple(name for name, united in CLASSES.items() if united)


def own_class(name: str) -> str:
    """The own class of a class of COCO, or of one that is ours already.

    Example:
        >>> own_class("sheep"), own_class("pizza"), own_class("cone")
        ('animal', 'object', 'cone')
    """
    if name in CLASSES:
        return name
    return next((own for own, united in CLASSES.items() if name in united), "object")


# In the order of its numbers.
COCO: tuple[str, ...] = tuple(YAML.load(check_yaml("coco8.yaml"))["names"].values())  # type: ignore[no-untyped-call]
# What the drawn frames show and COCO has no class for; `debris` is published as `object`.
NEW = ("cone", "debris")


def rows_for(start: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """The start's rows, then one for each wanted class that has none yet.

    Example:
        >>> rows_for(["person", "sheep"], ["cone", "sheep", "animal"])
        ['person', 'sheep', 'cone', 'animal']
    """
    return [*start, *dict.fromkeys(name for name in wanted if name not in start)]
