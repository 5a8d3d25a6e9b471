"""Speed in turns, and the lineage of a registered training: which data and which commit it was made from."""

import subprocess
import time
from pathlib import Path

from training.data.digest import digest_of_all as digest_of
from training.models.register import revision_of
from training.models.speed import in_turns


def test_a_pass_that_takes_longer_is_told_apart_while_others_come_between() -> None:
    calls: list[str] = []

    def sleeper(name: str, seconds: float) -> None:
        calls.append(name)
        time.sleep(seconds)

    quick, slow = in_turns([lambda: sleeper("quick", 0.004), lambda: sleeper("slow", 0.012)])
    assert 4 <= quick < slow
    assert slow / quick > 1.5
    turns = calls[6:]
    assert {turns.count("quick"), turns.count("slow")} == {20}
    assert all({turns[at], turns[at + 1]} == {"quick", "slow"} for at in range(0, len(turns), 2))


def test_the_digest_of_data_changes_with_names_and_contents_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "1.jpg").write_bytes(b"picture")
    first = digest_of([tmp_path / "a"])
    assert digest_of([tmp_path / "b"]) == first
    (tmp_path / "b" / "images" / "1.jpg").write_bytes(b"another")
    assert digest_of([tmp_path / "b"]) != first
    (tmp_path / "a" / "images" / "1.jpg").rename(tmp_path / "a" / "images" / "2.jpg")
    assert digest_of([tmp_path / "a"]) != first
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"frames")
    assert digest_of([clip]) != digest_of([])


def test_the_revision_is_the_commit_and_says_when_there_are_changes(tmp_path: Path) -> None:
    assert revision_of(tmp_path) is None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@desk.example", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "first")
    assert revision_of(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("2")
    assert revision_of(tmp_path) == git("rev-parse", "HEAD") + "-dirty"
