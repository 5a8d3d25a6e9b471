"""What a head says of one frame, as it stands in detections and tracks; docs/heads.md has heads and labels."""

import base64
import binascii
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Unit = Annotated[float, Field(ge=0, le=1)]

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

# The heads and labels that rules know by name; a head of any other name is told and judged by nobody.
VISIBILITY, CLEAR, FOG = "visibility", "clear", "fog-or-smoke"
PAVEMENT, DAMAGE = "pavement", "damaged"
# Columns and rows of a grid at most: a heat map for the eye needs no more, and the message stays at 1 KiB or so.
MOST_COLUMNS, MOST_ROWS = 40, 24


class HeadGrid(BaseModel):
    """Where in the picture: patch by patch, the probability of any state but the normal one.

    Example:
        >>> HeadGrid.of(np.array([[0.0, 1.0]], np.float32), threshold=0.5).probabilities.tolist()
        [[0.0, 1.0]]
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    threshold: Unit = Field(description="from this probability on the head calls a patch not normal")
    box: tuple[Unit, Unit, Unit, Unit] = Field(
        description="the part of the picture that the grid covers: all but a few pixels at its edges"
    )
    rows: int = Field(ge=1, le=1024)
    columns: int = Field(ge=1, le=1024)
    values: str = Field(description="base64 of one byte per patch, row by row from the top left: probability times 255")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self._bytes()) != self.rows * self.columns:
            raise ValueError(f"a grid of {self.rows} x {self.columns} has {len(self._bytes())} values")
        if self.box[0] >= self.box[2] or self.box[1] >= self.box[3]:
            raise ValueError("the box has no area; give it as x1, y1, x2, y2")
        return self

    def _bytes(self) -> bytes:
        try:
            return base64.b64decode(self.values, validate=True)
        except binascii.Error as error:
            raise ValueError(f"values are not base64: {error}") from None

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], *, threshold: float, box: Box = WHOLE) -> Self:
        """From (rows, columns) probabilities 0..1."""
        rows, columns = probabilities.shape
        values = base64.b64encode(np.rint(probabilities * 255).astype(np.uint8).tobytes()).decode()
        return cls(threshold=threshold, box=box, rows=rows, columns=columns, values=values)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """(rows, columns), 0..1."""
        values = np.frombuffer(self._bytes(), np.uint8).astype(np.float32) / np.float32(255)
        return values.reshape(self.rows, self.columns)


class HeadBox(BaseModel):
    """One thing that a head has found, with its place."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: str
    score: Unit = Field(description="calibrated probability of the label")
    box: tuple[Unit, Unit, Unit, Unit] = Field(description="x1, y1, x2, y2 of the picture")


class HeadResult(BaseModel):
    """One head's answer for one frame."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    version: str = Field(description="name and number in the registry, else name and digest of the file")
    label: str
    score: Unit = Field(description="calibrated probability of the label")
    probabilities: dict[str, Unit] = Field(description="by label; of a head that judges patches, of the worst one")
    grid: HeadGrid | None = Field(None, description="only of a head that judges patches")
    boxes: list[HeadBox] | None = Field(None, description="only of a head that also says boxes, best score first")
