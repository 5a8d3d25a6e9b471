"""Each rival in the memory's place, by itself or in the product, and the table of all."""

from collections.abc import Sequence

from shared.messages import Detections
from shared.surface import Surface
from training.bench.learned_score import Score
from training.intervals import percentile, wilson

SIZES = ((8, 16), (16, 24), (24, 32), (32, 80), (16, 1000))


def with_names(rows: Sequence[Detections], surfaces: Sequence[Surface | None]) -> list[Detections]:
    """The whole product, with these answers in the memory's place."""
    return [row.model_copy(update={"surface": item}) for row, item in zip(rows, surfaces, strict=True)]


def alone(rows: Sequence[Detections], surfaces: Sequence[Surface | None]) -> list[Detections]:
    """These answers under the same rule, without any box of the detector."""
    return [row.model_copy(update={"objects": []}) for row in with_names(rows, surfaces)]


def table(scores: Sequence[tuple[str, Score]]) -> list[str]:
    """Markdown: a row per contestant."""
    heads = [f"{low}-{high} px" if high < 1000 else f"{low} px and more" for low, high in SIZES]
    lines = [f"| contestant | {' | '.join(heads)} | p95 s | false alarms | per hour (95 %) |"]
    lines.append(f"| --- {'| --- ' * len(heads)}| --: | --: | --- |")
    for name, score in scores:
        cells = [_share([after for pixels, after in score.found if low <= pixels < high]) for low, high in SIZES]
        late = percentile([after for _, after in score.found if after is not None], 95)
        seconds = "-" if late is None else f"{late:.1f}"
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds} | {len(score.others)} | {score.rate(1)} |")
    return lines


def _share(group: Sequence[float | None]) -> str:
    hits = sum(after is not None for after in group)
    interval = wilson(hits, len(group))
    return "-" if interval is None else f"{hits}/{len(group)} ({interval[0]:.0%}-{interval[1]:.0%})"
