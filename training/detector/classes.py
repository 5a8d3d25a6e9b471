"""The classes of Wayside's own model, and which COCO classes each unites."""

from collections.abc import Sequence

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


def united_rows(names: Sequence[str]) -> list[list[int]]:
    """For each own class the indices of `names` that it unites; empty when there are none."""
    return [[index for index, name in enumerate(names) if own_class(name) == own] for own in NAMES]
