"""What all candidates have to answer, and so the shape of their answers."""

from dataclasses import dataclass

from services.detector.heads.net import HeadKind, HeadShape
from training.heads.cells import Cells
from training.heads.dataset import DataSet, Pixels

_HIDDEN = 48


@dataclass(frozen=True, slots=True)
class Question:
    """What every candidate has to answer.

    Attributes:
        classes: number of them.
        cells: the grid of answers with boxes; None without boxes.
    """

    kind: HeadKind
    classes: int
    cells: Cells | None = None

    @classmethod
    def of(cls, data: DataSet) -> "Question":
        """That of a data set."""
        return cls(data.kind, len(data.classes), data.cells)

    @property
    def shape(self) -> HeadShape:
        """As a head on no features yet. With boxes a cell of the coarsest map each, so that things stand apart."""
        window, step = (3, 1) if self.cells else (4, 2)
        return HeadShape(self.kind, self.classes, (), _HIDDEN, window, step, boxes=self.cells is not None)

    def seen(self, pixels: Pixels) -> Pixels:
        """What is judged of a picture."""
        return self.cells.seen(pixels) if self.cells else pixels
