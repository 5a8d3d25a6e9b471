"""`wayside data …` as a user runs it, from labelled pictures and from a run's alerts to data that a training reads."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from shared.clock import NS
from tests.staging import Staged, read_events, wayside
from training.data.capture import Capture, picture_name
from training.data.digest import digest_of
from training.data.forms import read_set
from training.data.problems import Problems
from training.detector.dataset import Recipe, is_held_out, read_all, write_dataset


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(20, 230, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 180), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cameras, every hour three frames of ten seconds, each with a cone; one frame is there twice."""
    own = tmp_path / "own"
    (own / "images").mkdir(parents=True)
    (own / "labels").mkdir()
    (own / "data.yaml").write_text("names: [cone]\n")
    for camera in ("a", "b"):
        for hour in range(12):
            for frame in range(3):
                put(own, Capture(camera, (hour * 3600 + 10 * frame) * NS), hour * 10 + frame + 500 * (camera == "b"))
    put(own, Capture("c", 0), 0)
    return own


def put(own: Path, capture: Capture, seed: int) -> None:
    name = picture_name(capture)
    cv2.imwrite(str(own / "images" / name), scene(seed))
    (own / "labels" / name).with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.4\n")


def test_a_folder_is_split_cleaned_described_and_trained_on(folder: Path, tmp_path: Path) -> None:
    done = wayside("data", "split", str(folder), "--share", "0.3")
    assert done.returncode == 0, done.stderr
    split = json.loads((folder / "split.json").read_text())
    assert len(split["train"]) + len(split["test"]) == 73
    assert f"{len(split['train'])} to train on, {len(split['test'])} held out" in done.stdout
    hours: dict[str, set[bool]] = {}
    for item in read_all([folder], [], Problems()):
        hours.setdefault(item.name[:13], set()).add(is_held_out(item.path))
    assert {len(sides) for sides in hours.values()} == {1}, "an hour's three frames lie on one side"
    again = wayside("data", "split", str(folder), "--share", "0.5")
    assert again.returncode == 2
    assert "was made with --gap 600 --share 0.3; give the same, or --anew" in again.stderr

    found = wayside("data", "dedupe", str(folder))
    assert found.returncode == 0, found.stderr
    assert "1 near-duplicates" in found.stdout
    assert len(list((folder / "images").iterdir())) == 73, "nothing moves without --apply"
    assert wayside("data", "dedupe", str(folder), "--apply").returncode == 0
    (moved,) = (tmp_path / "own-duplicates" / "images").iterdir()
    assert moved.name in {picture_name(Capture("c", 0)), picture_name(Capture("a", 0))}
    assert (tmp_path / "own-duplicates" / "labels" / moved.with_suffix(".txt").name).is_file()

    before = digest_of(folder)
    done = wayside("data", "card", str(folder), "--licence", "CC0")
    assert done.returncode == 0, done.stderr
    card = (folder / "data-card.md").read_text()
    assert digest_of(folder) == before, "the card does not change what it describes"
    for text in (
        f"`{before}`",
        "| pictures | 72 |",
        "| licence | CC0 |",
        "| a | 00 |",
        "| cone | 72 | 72 |",
        "0 pictures show",
    ):
        assert text in card, card
    put(folder, Capture("d", 0), 9)
    assert digest_of(folder) != before
    new = folder / "images" / picture_name(Capture("d", 0))
    with pytest.raises(Exception, match=r"is not in .*split\.json; `wayside data split"):
        is_held_out(new)
    assert wayside("data", "split", str(folder), "--share", "0.3").returncode == 0
    grown = json.loads((folder / "split.json").read_text())
    kept = {name for name in split["test"] if (folder / name).is_file()}
    assert kept <= set(grown["test"]), "what was held out stays held out"
    write_dataset(Recipe((folder,), staged=0, repeat=1, seed=1), ["car"], tmp_path / "set", Problems())
    trained = {Path(line).resolve().name for line in (tmp_path / "set" / "train.txt").read_text().split()}
    assert trained
    assert not trained & {Path(name).name for name in grown["test"]}


def test_duplicates_leave_coco_and_voc_folders_with_their_labels(folder: Path, tmp_path: Path) -> None:
    for form in ("coco", "voc"):
        target = tmp_path / form
        done = wayside("data", "convert", str(folder), "--to", form, "--out", str(target))
        assert done.returncode == 0, done.stderr
        assert "73 pictures, 73 objects of 1 classes" in done.stdout
        assert wayside("data", "dedupe", str(target), "--apply").returncode == 0
        problems = Problems()
        assert len(read_set(target, problems).pictures) == 72
        assert problems.lines() == [], form


def test_mistakes_end_with_one_line_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    for arguments, message in (
        (["convert", str(folder), "--to", "xml", "--out", str(tmp_path / "x")], "--to 'xml': yolo, coco, voc, folders"),
        (["convert", str(tmp_path / "no"), "--to", "coco", "--out", str(tmp_path / "y")], "no such folder"),
        (["split", str(tmp_path / "no")], "holds no pictures"),
        (["sample", str(tmp_path / "no.mp4"), "--out", str(tmp_path / "z")], "no such file or folder"),
        (["from-alerts", str(tmp_path), "--out", str(tmp_path / "z")], "where are the frames? Give --source"),
    ):
        done = wayside("data", *arguments)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
        assert done.stderr.startswith("wayside: ")
        assert message in done.stderr


def sampled(shared_dir: Path, out: Path, *options: str) -> list[dict[str, str]]:
    """The rows of `sample.csv` for the highway as camera a2."""
    clip = shared_dir / "clips" / "highway.mp4"
    done = wayside("data", "sample", f"a2={clip}", *options, "--imgsz", "320", "--out", str(out))
    assert done.returncode == 0, done.stderr
    with (out / "sample.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.shared
def test_frames_for_labelling_are_doubtful_apart_and_come_with_boxes(shared_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = sampled(shared_dir, out, "--count", "4", "--gap", "3", "--fps", "2", "--start", "2026-05-01T06:30:00Z")
    assert len(rows) == 4
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["picture"].startswith("a2_20260501T0630") for row in rows)
    found = read_set(out, Problems())
    assert sorted(item.name for item in found.pictures) == sorted(row["picture"] for row in rows)
    assert sum("car" in item.classes for item in found.pictures) == 4
    assert yaml.safe_load((out / "data.yaml").read_text())["names"][2] == "car"


@pytest.mark.shared
def test_frames_for_a_head_are_those_that_it_doubts(shared_dir: Path, tmp_path: Path) -> None:
    rows = sampled(shared_dir, tmp_path / "out", "--count", "3", "--gap", "2", "--fps", "0.5", "--head", "visibility")
    assert len(rows) == 3
    assert {(row["single"], row["missed"]) for row in rows} == {("0", "0")}
    for row in rows:
        told = re.search(r"visibility: [\w-]+ ([\d.]+) or [\w-]+ ([\d.]+)", row["reason"])
        assert (float(row["unsure"]) >= 0.5) == bool(told)
        if told:
            assert float(row["unsure"]) == pytest.approx(1 - float(told[1]) + float(told[2]), abs=0.011)
    assert float(rows[0]["unsure"]) > 0


@pytest.mark.shared
def test_judged_alerts_of_a_run_become_pictures_and_crops(staged: Staged, first_run: Path, tmp_path: Path) -> None:
    opened = [event["data"] for event in read_events(first_run / "alerts.jsonl") if event["type"].endswith("opened")]
    verdicts = {"stopped-vehicle": "acknowledged", "person-on-lane": "dismissed", "obstacle-on-lane": "acknowledged"}
    judged = {data["incident"]: data for data in opened if data["incident"] in verdicts}
    assert set(judged) == set(verdicts)
    table = tmp_path / "verdicts.csv"
    lines = [f"{data['alert_id']},{verdicts[incident]}" for incident, data in judged.items()]
    table.write_text("\n".join(["alert_id,verdict", *lines]) + "\n")
    camera = judged["person-on-lane"]["camera"]
    clip = yaml.safe_load(staged.site.read_text())["cameras"][0]["source"]
    out = tmp_path / "out"
    done = wayside(
        "data", "from-alerts", str(first_run), "--verdicts", str(table), "--source", f"{camera}={clip}",
        "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 of 3 alerts have a verdict, 3 of them a frame" in done.stdout
    with (out / "alerts.csv").open(newline="") as file:
        rows = {row["incident"]: row for row in csv.DictReader(file)}
    for incident, row in rows.items():
        folder = "true-alarm" if verdicts[incident] == "acknowledged" else "false-alarm"
        assert row["crop"].startswith(f"crops/{incident}/{folder}/")
        assert cv2.imread(str(out / row["crop"])) is not None
    pictures = {item.name: item for item in read_all([out / "detector"], [], Problems())}
    for incident, data in judged.items():
        item = pictures[rows[incident]["picture"]]
        near = [
            label
            for label, box in item.objects
            if np.abs(box - data["box"]).max()
            < 0.2 * max(data["box"][2] - data["box"][0], data["box"][3] - data["box"][1])
        ]
        assert near == ([data["label"]] if verdicts[incident] == "acknowledged" else []), incident
    assert sum(len(item.classes) for item in pictures.values()) > 3, "the other objects are labelled too"
