"""What heads say, made up for the tests of rules and console."""

import numpy as np

from shared.heads import CLEAR, DAMAGE, FOG, PAVEMENT, VISIBILITY, WHOLE, Box, HeadBox, HeadGrid, HeadResult

LABELS = (CLEAR, "rain", FOG, "dark", "dirty-lens")
ROWS, COLUMNS = 12, 20


def visibility(label: str = CLEAR, score: float = 0.9) -> HeadResult:
    """The label with this probability, the others share the rest."""
    rest = round((1 - score) / (len(LABELS) - 1), 4)
    probabilities = {name: score if name == label else rest for name in LABELS}
    return HeadResult(
        name=VISIBILITY, version="visibility@1a2b3c4d", label=label, score=score, probabilities=probabilities
    )


def pavement(*damaged: tuple[int, int], score: float = 0.9, box: Box = WHOLE) -> HeadResult:
    """Damage on these patches (row, column) of a grid of 12 x 20."""
    grid = np.full((ROWS, COLUMNS), 0.05, np.float32)
    for place in damaged:
        grid[place] = score
    worst = float(grid.max())
    return HeadResult(
        name=PAVEMENT,
        version="pavement@1a2b3c4d",
        label=DAMAGE if worst >= 0.5 else "intact",
        score=max(worst, 1 - worst),
        probabilities={"intact": 1 - worst, DAMAGE: worst},
        grid=HeadGrid.of(grid, threshold=0.5, box=box),
    )


def cones(*boxes: Box, score: float = 0.9) -> HeadResult:
    """Cones at these places."""
    return HeadResult(
        name="cones",
        version="cones@1a2b3c4d",
        label="cone" if boxes else "none",
        score=score,
        probabilities={"none": 1 - score if boxes else score, "cone": score if boxes else 1 - score},
        grid=HeadGrid.of(np.full((ROWS, COLUMNS), 0.05, np.float32), threshold=0.5),
        boxes=[HeadBox(label="cone", score=score, box=box) for box in boxes],
    )
