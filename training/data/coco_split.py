"""Which COCO pictures training may see, and which are held out for evaluation. Fixed for good: figures depend on it."""

import hashlib

from training.scenes.coco_cutouts import CHOSEN

_OF_256 = 120


def held_out(number: int) -> bool:
    """Whether the COCO picture with this number is kept from every training.

    What the test split of the staged scenes is cut from is held out, what the dev split is cut from is not; the
    rest falls by its SHA-256.

    Example:
        >>> held_out(241), held_out(192)
        (True, False)
    """
    used = {split: {row[0] for rows in kinds.values() for row in rows} for split, kinds in CHOSEN.items()}
    if number in used["test"] or number in used["dev"]:
        return number in used["test"]
    return hashlib.sha256(f"{number:012d}".encode()).digest()[0] < _OF_256
