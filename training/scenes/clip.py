"""Writing a staged clip as H.264."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray


class ClipWriter:
    """Writes RGB pictures at a constant rate.

    Example:
        >>> with ClipWriter(Path("clip.mp4"), 1280, 720, 10) as clip:   # doctest: +SKIP
        ...     clip.write(picture)
    """

    def __init__(self, path: Path, width: int, height: int, fps: Fraction | int) -> None:
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=Fraction(fps))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        # One thread and no look-ahead by time: the same pictures give the same bytes.
        self._stream.options = {"preset": "veryfast", "crf": "20", "threads": "1", **_steady()}

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Append one (H, W, 3) uint8 RGB picture."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._container.mux(self._stream.encode())
        self._container.close()


def _steady() -> dict[str, str]:
    """x264's macroblock tree by AVX-512 gives other bytes from run to run; by AVX2 it does not."""
    wide = any("AVX512" in name and not name.endswith("?") for name in cv2.getCPUFeaturesLine().split())
    return {"x264-params": "asm=MMX2,SSE2,SSE4.2,AVX,AVX2"} if wide else {}
