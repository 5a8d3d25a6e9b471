"""Evidence pictures: text on them, and the folder that they are kept in."""

from pathlib import Path
from uuid import uuid4

import cv2

from shared.jpeg import Picture

COLOURS = {"critical": (255, 45, 45), "warning": (255, 170, 0), "info": (60, 160, 255)}
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def put_text(picture: Picture, text: str, at: tuple[int, int], back: tuple[int, int, int]) -> None:
    """White text on a plate whose lower left corner is at `at`, moved into the picture where it would leave it."""
    height, width = picture.shape[:2]
    scale = max(0.4, height / 1100)
    weight = max(1, round(scale * 1.6))
    (text_width, text_height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)
    x = min(max(0, at[0]), max(0, width - text_width - 8))
    y = min(max(text_height + base + 8, at[1]), height)
    cv2.rectangle(picture, (x, y - text_height - base - 8), (x + text_width + 8, y), back, cv2.FILLED)
    cv2.putText(picture, text, (x + 4, y - base - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, weight, cv2.LINE_AA)


class EvidenceStore:
    """Evidence pictures in `<folder>/evidence/`; a picture never changes under its name, so that it can be cached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "evidence"
        self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, jpeg: bytes) -> str:
        """Store a picture under a name without its ending, whole or not at all; the first is kept.

        Returns:
            its URI relative to the store's parent.

        Raises:
            OSError: it cannot be written.
        """
        picture = self._folder / f"{name}.jpg"
        if not picture.exists():
            # Two instances may work on one alert for a moment during a rebalance, and in containers both are process 1.
            partial = self._folder / f".{name}.{uuid4().hex}.partial"
            try:
                partial.write_bytes(jpeg)
                partial.replace(picture)
            finally:
                partial.unlink(missing_ok=True)  # half a picture would help to fill the disk
        return f"evidence/{name}.jpg"
