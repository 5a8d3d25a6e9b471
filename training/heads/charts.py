"""The charts of a report, as SVG text to put into a page."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.heads.compare import Result

# Text stays text, and the same data give the same bytes.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "wayside", "font.size": 9, "axes.spines.top": False,
          "axes.spines.right": False}  # fmt: skip


def learning(result: Result) -> str:
    """Losses of training and validation by epoch."""

    def draw(axes: Axes) -> None:
        epochs = range(1, len(result.history.train_loss) + 1)
        axes.plot(epochs, result.history.train_loss, label="training")
        axes.plot(epochs, result.history.val_loss, label="validation")
        axes.axvline(result.history.best + 1, color="grey", linewidth=0.8, linestyle=":")
        axes.set(xlabel="epoch", ylabel="loss", title=f"{result.name}: learning", ylim=(0, None))
        axes.legend(frameon=False)

    return _svg(draw)


def range_test(result: Result) -> str:
    """Loss against learning rate, with the rate that was taken."""

    def draw(axes: Axes) -> None:
        curve = result.history.range_test
        axes.plot([lr for lr, _ in curve], [loss for _, loss in curve])
        axes.axvline(result.history.lr, color="grey", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title=f"{result.name}: range test")

    return _svg(draw)


def roc(results: Sequence[Result], normal: str) -> str:
    """True against false positives of "not normal", all candidates."""

    def draw(axes: Axes) -> None:
        for result in results:
            axes.plot(*result.test.roc, label=f"{result.name}, area {result.test.auc:.3f}")
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        axes.set(xlabel="false positives", ylabel="true positives", title=f"ROC of: not {normal}")
        axes.legend(frameon=False, loc="lower right")

    return _svg(draw)


def reliability(results: Sequence[Result]) -> str:
    """Share of right answers against what was promised."""

    def draw(axes: Axes) -> None:
        for result in results:
            rows = result.test.reliability
            axes.plot([row[0] for row in rows], [row[1] for row in rows], marker="o", markersize=3,
                      label=f"{result.name}, ECE {result.test.ece:.3f}")  # fmt: skip
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        axes.set(xlabel="probability", ylabel="share right", title="calibration", xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(frameon=False, loc="upper left")

    return _svg(draw)


def _svg(draw: Callable[[Axes], None]) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 3.0), layout="constrained")
        draw(figure.add_subplot())
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().split("?>", 1)[-1].split('.dtd">', 1)[-1].strip()
