"""How much two boxes have in common; any coordinates, as x1, y1, x2, y2. Plain numbers, for a few boxes at a time."""

from services.analyzer.scene import BoxTuple


def box_iou(a: BoxTuple, b: BoxTuple) -> float:
    """Intersection over union of two boxes."""
    inter = overlap_area(a, b)
    total = box_area(a) + box_area(b) - inter
    return inter / total if total > 0 else 0.0


def overlap_area(a: BoxTuple, b: BoxTuple) -> float:
    """Common area of two boxes."""
    if a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]:  # nearly all pairs, for a third of the time
        return 0.0
    return (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))


def coverage(part: BoxTuple, whole: BoxTuple) -> float:
    """Share of `part` that lies in `whole`, 0..1."""
    common = overlap_area(part, whole)
    return common / box_area(part) if common > 0 else 0.0


def in_common(a: BoxTuple, b: BoxTuple) -> float:
    """Share of the smaller of two boxes that lies in the other, 0..1."""
    return max(coverage(a, b), coverage(b, a))


def box_area(box: BoxTuple) -> float:
    """Area of a box; of a normalised one, its share of the picture."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
