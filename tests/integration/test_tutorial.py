"""docs/tutorial.md, run block by block as a newcomer would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.staging import quick

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


@pytest.mark.timeout(600)
def test_every_block_of_the_tutorial_runs_and_the_head_says_that_it_rains(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    (tmp_path / "tutorial.sh").write_text("\n".join(["set -eu", *blocks]))
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **quick(), "PATH": f"{bin_folder}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }  # fmt: skip
    environment.pop("WAYSIDE_REGISTRY", None)
    done = subprocess.run(
        ["bash", "tutorial.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rain: rain@1 is in production" in done.stdout
    answers = re.findall(r"^\d+ (rain@1) (\w+) [\d.]+$", done.stdout, re.MULTILINE)
    assert len(answers) >= 8, done.stdout
    assert {label for _, label in answers} == {"rain"}
    assert (tmp_path / "heads" / "rain.html").is_file()
