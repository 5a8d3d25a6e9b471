"""Clips and sites that several integration tests use."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from training.scenes.road import SECONDS, build_road_scene

# Two frames a second less than the demo's: the tests judge every frame several times on two cores.
FPS = 5
WAYSIDE = str(Path(sys.executable).parent / "wayside")
# Where a test does not ask what runs the model: half the processor time of PyTorch, the default, which others use.
QUICK = {"WAYSIDE_BACKEND": "openvino", "WAYSIDE_PRECISION": "float32"}


@dataclass(frozen=True)
class Staged:
    """A staged scene: its site file (with a JSON-lines sink at `alerts`) and its truth."""

    site: Path
    truth: Path
    alerts: Path

    @classmethod
    def within(cls, folder: Path) -> Self:
        return cls(folder / "staged.yaml", folder / "truth.json", folder / "sink" / "alerts.jsonl")


def stage_scene(folder: Path, cameras: int = 1, seconds: float = SECONDS, **more: Any) -> Staged:
    """The first seconds of the demo's road scene, seen by `cameras` cameras that all look at the same clip.

    `more` goes into each camera's entry in the site file.
    """
    scene = build_road_scene(folder, seconds=seconds)
    site = yaml.safe_load(scene.site.read_text())
    (template,) = site["cameras"]
    template["source"], template["fps"] = str(scene.clip), FPS
    site["cameras"] = [{**template, **more, "id": f"{template['id']}-{number}"} for number in range(cameras)]
    site["lane_stats_s"] = 10
    staged = Staged.within(folder)
    site["sinks"] = [{"type": "jsonl", "path": str(staged.alerts)}]
    staged.site.write_text(yaml.safe_dump(site))
    return staged


def wayside(*arguments: str, timeout_s: float = 180, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the installed command to its end."""
    return subprocess.run(
        [WAYSIDE, *arguments], capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, **options
    )


def quick() -> dict[str, str]:
    """This process's environment with the quicker backend."""
    return {**os.environ, **QUICK}


def read_events(path: Path) -> list[dict[str, Any]]:
    """The CloudEvents of an alerts.jsonl."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def essence(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What must be equal however the frames travelled: everything but the frame's address in a log."""
    rows = []
    for event in events:
        data = event["data"]
        evidence = [item["uri"] for item in data["evidence"] if item["kind"] == "snapshot"]
        rows.append(
            (
                event["id"], event["type"], event["time"], data["incident"], data["camera"], data["zone"],
                data["started_at"], data["detected_at"], data["ended_at"], tuple(data["track_ids"]), data["label"],
                data["score"], tuple(data["box"]), data["model"], data["status"], tuple(evidence),
            )
        )  # fmt: skip
    return sorted(rows)
