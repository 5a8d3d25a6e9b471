"""The description of a finished head: in its file, and as a model card for people."""

from collections.abc import Sequence
from pathlib import Path

from services.detector.heads.file import DataCard, HeadSpec
from training.heads.box_figures import COLUMNS
from training.heads.candidates import FeatureHead
from training.heads.compare import Result
from training.heads.dataset import DataSet


def spec_of(data: DataSet, head: FeatureHead, results: Sequence[Result], command: str, imgsz: int) -> HeadSpec:
    """The description that goes into the head's file; the first result is the head's own."""
    ours = results[0]
    test = ours.test
    metrics = {
        "f1": test.f1, "f1_low": test.f1_interval[0], "f1_high": test.f1_interval[1], "accuracy": test.accuracy,
        "roc_area": test.auc, "ece": test.ece,
    }  # fmt: skip
    if ours.boxes is not None:
        low, high = ours.boxes.f1_interval
        metrics |= ours.boxes.metrics | {"box_f1_low": low, "box_f1_high": high}
    for result in results[1:]:
        metrics[f"f1_{result.name}"] = result.test.f1
    backbone = head.backbone
    return HeadSpec(
        schema="wayside.head/1",
        name=data.name,
        kind=data.kind,
        classes=data.classes,
        layers=backbone.layers,
        channels=backbone.channels,
        hidden=head.shape.hidden,
        window=head.shape.window,
        step=head.shape.step,
        boxes=head.shape.boxes,
        temperature=ours.temperature,
        threshold=ours.threshold,
        backbone=backbone.digest,
        stride=backbone.stride,
        imgsz=imgsz,
        metrics={name: round(value, 4) for name, value in metrics.items()},
        data=DataCard(source=data.source, licence=data.licence, counts=data.counts(), notes=data.notes),
        created_by=command,
    )


def write_card(path: Path, spec: HeadSpec, results: Sequence[Result], version: str, size: int) -> None:
    """Write the model card.

    Args:
        size: of the head's file, bytes.
    """
    counts = spec.data.counts
    splits = list(dict.fromkeys(key.split("/")[0] for key in counts))
    ours = results[0]
    share = (
        f", {ours.ms / ours.detector_ms:.1%} of the detector's {ours.detector_ms:.1f} ms" if ours.detector_ms else ""
    )
    others = ", then for the most probable of the others" if len(spec.classes) > 2 else ""
    lines = [
        f"# Head `{spec.name}`",
        "",
        f"Version `{version}`, {size / 1024:.0f} KiB, kind `{spec.kind}`, classes: {', '.join(spec.classes)}. "
        f"{ours.words[0].upper()}{ours.words[1:]}; the backbone's digest begins with `{spec.backbone[:12]}`.",
        "",
        "```sh",
        spec.created_by,
        "```",
        "",
        f"**Data**: {spec.data.source}. **Licence of the data: {spec.data.licence}.** A head is made from its "
        "data: use it under the same terms.",
        "",
        f"| examples | {' | '.join(splits)} |",
        f"| --- |{' --: |' * len(splits)}",
        *(f"| {name} | {' | '.join(str(counts[f'{split}/{name}']) for split in splits)} |" for name in spec.classes),
        "",
        *(f"- {note}" for note in spec.data.notes),
        "",
        "On the test split, whose pictures took no part in training or in the choice of threshold and temperature "
        "(95 % intervals from 1,000 resamplings of whole pictures):",
        "",
        "| candidate | F1 | the head is ahead by | accuracy | ROC area | ECE | preparing and training |",
        "| --- | --- | --- | --: | --: | --: | --: |",
        *(_row(result) for result in results),
        "",
        *_boxes(results),
        f"Decision from probability {spec.threshold:.2f} of not `{spec.classes[0]}`{others}; temperature "
        f"{spec.temperature:.2f}. Added to one 640x384 frame: {ours.ms:.2f} ms{share}.",
        "",
        "| true \\ said | " + " | ".join(spec.classes) + " |",
        "| --- |" + " --: |" * len(spec.classes),
        *(
            f"| {name} | {' | '.join(map(str, row))} |"
            for name, row in zip(spec.classes, ours.test.confusion.tolist(), strict=True)
        ),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _boxes(results: Sequence[Result]) -> list[str]:
    """The lines on boxes; none where there are no boxes."""
    rows = [(result.words, result.boxes) for result in results if result.boxes is not None]
    if not rows:
        return []
    return [
        f"Boxes, at an IoU of 0.5 with one of the {rows[0][1].labelled} labelled ones:",
        "",
        f"| candidate | {' | '.join(COLUMNS)} |",
        f"| --- | --- |{' --: |' * (len(COLUMNS) - 1)}",
        *(f"| {words} | {' | '.join(boxes.row)} |" for words, boxes in rows),
        "",
    ]


def _row(result: Result) -> str:
    test = result.test
    ahead = f"{result.ahead[0]:+.3f} to {result.ahead[1]:+.3f}" if result.ahead else "-"
    interval = f"{test.f1:.3f} ({test.f1_interval[0]:.3f}-{test.f1_interval[1]:.3f})"
    return (
        f"| {result.words} | {interval} | {ahead} | {test.accuracy:.3f} | {test.auc:.3f} | {test.ece:.3f} "
        f"| {result.seconds:.0f} s |"
    )
