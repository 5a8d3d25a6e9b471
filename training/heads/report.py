"""The report of a training: one HTML file without any reference to the outside, the candidates side by side."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.problems import Problems
from training.heads import charts
from training.heads.box_figures import COLUMNS, matched
from training.heads.compare import Result
from training.heads.crackforest import PATCH, STEP
from training.heads.dataset import IGNORED, DataSet, Pixels

_WRONG = 24
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd }
td { text-align: right } td:first-child, th { text-align: left } h2 { margin-top: 2.5rem }
.row { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 } figcaption { font-size: 12px; color: #555 }
figure img { display: block; width: 160px } .note { color: #555 }
"""


def write_report(
    path: Path, data: DataSet, results: Sequence[Result], problems: Problems, left_out: Sequence[str], command: str
) -> None:
    """Write the report.

    Args:
        left_out: candidates that could not take part, with the reason.
        command: that made it.
    """
    parts = [
        f"<h1>Head {escape(data.name)}</h1><p class=note>{escape(command)}</p>",
        f"<p>{escape(data.source)}. Licence: {escape(data.licence)}.</p>",
        _table(results),
        *(f"<p>{escape(line)}</p>" for line in left_out),
        "<p class=note>F1 of the second class where there are two, else the mean over classes. Intervals: 95 %, from "
        "1,000 resamplings of whole pictures. Threshold and temperature come from the validation split.</p>",
        _boxes(results),
        _counts(data),
        "<h2>ROC and calibration</h2><div class=row>",
        charts.roc(results, data.classes[0]),
        charts.reliability(results),
        "</div><h2>Confusion</h2><div class=row>",
        *(_confusion(result, data.classes) for result in results),
        "</div><h2>Learning</h2><div class=row>",
        *(charts.learning(result) for result in results),
        *(charts.range_test(result) for result in results if result.history.range_test),
        "</div><h2>Wrong examples</h2>",
        *(_wrong_boxes(result, data) if result.boxes else _wrong(result, data) for result in results),
        "<h2>Data</h2><ul>",
        *(f"<li>{escape(note)}</li>" for note in data.notes),
        f"</ul><h2>Problems</h2><p>{len(problems.found)} found.</p><ul>",
        *(f"<li>{escape(line)}</li>" for line in problems.lines()),
        "</ul>",
    ]
    head = f"<meta charset=utf-8><title>Head {escape(data.name)}</title><style>{_STYLE}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><html lang=en>{head}{''.join(parts)}</html>\n", encoding="utf-8")


def _table(results: Sequence[Result]) -> str:
    heads = ("candidate", "F1 (95 %)", "ours ahead by (95 %)", "accuracy", "ROC area", "ECE", "seconds", "rate",
             "parameters trained", "ms per frame")  # fmt: skip
    rows = []
    for result in results:
        test = result.test
        low, high = test.f1_interval
        ahead = f"{result.ahead[0]:+.3f} to {result.ahead[1]:+.3f}" if result.ahead else "-"
        ms = f"{result.ms:.2f}"
        if result.detector_ms:
            ms += f" ({result.ms / result.detector_ms:.1%} of the detector's {result.detector_ms:.1f})"
        cells = (
            f"{test.f1:.3f} ({low:.3f}-{high:.3f})", ahead, f"{test.accuracy:.3f}", f"{test.auc:.3f}",
            f"{test.ece:.3f}", f"{result.seconds:.0f}", f"{result.history.lr:.2g}", f"{result.parameters:,}", ms,
        )  # fmt: skip
        rows.append((result.words, cells))
    return _tabulated(heads, rows)


def _boxes(results: Sequence[Result]) -> str:
    """What the boxes are worth; empty where there are none."""
    rows = [(result.words, result.boxes.row) for result in results if result.boxes is not None]
    return _tabulated(("boxes, at an IoU of 0.5", *COLUMNS), rows) if rows else ""


def _counts(data: DataSet) -> str:
    counts = data.counts()
    splits = list(dict.fromkeys(key.split("/")[0] for key in counts))
    rows = [(name, [str(counts[f"{split}/{name}"]) for split in splits]) for name in data.classes]
    return _tabulated(("examples", *splits), rows)


def _tabulated(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table; rows are a name and cells."""
    lines = ""
    for name, row in rows:
        lines += f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{lines}</table>"


def _confusion(result: Result, classes: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in classes)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{count}</td>' for count in row)}</tr>"
        for name, row in zip(classes, result.test.confusion.tolist(), strict=True)
    )
    return f"<table><caption>{escape(result.name)}: true in rows</caption><tr><th></th>{head}</tr>{rows}</table>"


def _wrong(result: Result, data: DataSet) -> str:
    """The mistakes of which it was surest."""
    test = result.test
    wrong = np.flatnonzero(test.predicted != test.labels)
    sure = test.probabilities[wrong, test.predicted[wrong]]
    places = [
        (picture, place)
        for picture in data.of("test")
        for place in (zip(*np.nonzero(picture.label != IGNORED), strict=True) if picture.label.ndim else [None])
    ]
    figures = []
    for index in wrong[np.argsort(-sure)][:_WRONG].tolist():
        picture, place = places[index]
        shown = picture.load() if place is None else _around(picture.load(), int(place[0]), int(place[1]))
        said = f"{data.classes[test.predicted[index]]} {test.probabilities[index, test.predicted[index]]:.0%}"
        text = f"{picture.name}: {data.classes[test.labels[index]]}, said {said}"
        figures.append(_figure(shown, text))
    title = f"<h3>{escape(result.name)}: {len(wrong)} of {len(test.labels)} wrong</h3>"
    return f"{title}<div class=row>{''.join(figures)}</div>"


def _wrong_boxes(result: Result, data: DataSet) -> str:
    """The pictures with the most boxes that are missed or wrong: labelled green, told yellow."""
    assert result.boxes is not None
    rows = []
    for picture, found in zip(data.of("test"), result.boxes.found, strict=True):
        assert picture.objects is not None
        right = int((matched(found, picture.objects)[0] > 0).sum())
        rows.append((len(picture.objects.classes) + len(found.scores) - 2 * right, picture, found))
    wrong = sorted((row for row in rows if row[0]), key=lambda row: -row[0])
    figures = []
    for count, picture, found in wrong[:_WRONG]:
        assert picture.objects is not None
        shown = picture.load()
        for boxes, colour in ((picture.objects.boxes, (40, 200, 60)), (found.xyxy, (255, 220, 0))):
            _draw(shown, boxes, colour)
        said = ", ".join(
            f"{data.classes[label]} {score:.0%}" for label, score in zip(found.classes, found.scores, strict=True)
        )
        text = f"{picture.name}: {count} missed or wrong, said {said or 'nothing'}"
        figures.append(_figure(shown, text))
    title = f"<h3>{escape(result.name)}: boxes wrong on {len(wrong)} of {len(rows)} pictures</h3>"
    return f"{title}<p class=note>Green: labelled; yellow: told.</p><div class=row>{''.join(figures)}</div>"


def _figure(pixels: Pixels, text: str) -> str:
    return f'<figure><img src="{_inline(pixels)}" alt=""><figcaption>{escape(text)}</figcaption></figure>'


def _draw(pixels: Pixels, boxes: NDArray[np.floating], colour: tuple[int, int, int]) -> None:
    height, width = pixels.shape[:2]
    thickness = max(1, width // 150)  # seen at 160 px
    for x1, y1, x2, y2 in (boxes * [width, height, width, height]).round().astype(int).tolist():
        cv2.rectangle(pixels, (x1, y1), (x2, y2), colour, thickness)


def _around(pixels: Pixels, row: int, column: int) -> Pixels:
    """The patch of a cell with 16 px around it, its border drawn."""
    margin = (PATCH - STEP) // 2
    top, left = row * STEP - margin, column * STEP - margin
    drawn = np.ascontiguousarray(pixels)
    cv2.rectangle(drawn, (left, top), (left + PATCH - 1, top + PATCH - 1), (255, 220, 0), 1)
    return drawn[max(0, top - margin) : top + PATCH + margin, max(0, left - margin) : left + PATCH + margin]


def _inline(pixels: Pixels) -> str:
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (192, max(1, round(height * 192 / width))), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
