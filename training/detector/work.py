"""The folder that a training works in: which training it holds, and whether that goes on or begins anew."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from shared.exceptions import ConfigError
from training.detector.dataset import Recipe

FINISHED = "finished"
_OPTIONS, _DIGEST = "options.json", "data_sha256"
# All that a training writes into its folder; nothing else there is touched.
_FOLDERS = ("data", "weights")
_FILES = (FINISHED, "start.pt", "results.csv", "args.yaml", "problems.txt")


def start_note(folder: Path) -> Path | None:
    """The file that keeps what an alias of `--start` meant when the training began; see `training.start.find_start`.

    None in the folder of a finished training: there the alias is looked up again, and another version is refused as
    another option is.
    """
    return None if (folder / FINISHED).is_file() else folder / "start.txt"


def enter(folder: Path, options: Mapping[str, Any], recipe: Recipe, digest: str, console: Console) -> None:
    """Make the folder ready for a training that goes on there, or begins.

    It goes on with the options and the data that it began with. On other data it begins anew: what it had learned and
    copied is of data that are no more. So it does when the folder does not say what its data were (written before
    Wayside noted that).

    Args:
        options: that must be the same, JSON values.
        digest: of the contents of the data; see `Recipe.digest`.

    Raises:
        ConfigError: it holds a training with other options, or data of this one lie in it or around it.
    """
    _keep_apart(folder, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _OPTIONS
    wanted = {**options, _DIGEST: digest}
    if file.is_file():
        found = _read(file)
        seen = found.pop(_DIGEST, None)
        if found != options:
            raise ConfigError(f"{folder}: holds a training with other options; give another --work or delete it")
        if seen == digest:
            return
        _clear(folder)
        why = "the data are not those of its last training" if seen else "it does not say which data it was trained on"
        console.print(f"{folder}: {why}; the training begins anew", highlight=False, markup=False, soft_wrap=True)
    # After the clearing: who is killed in the middle of it clears again.
    file.write_text(json.dumps(wanted, indent=1))


def _keep_apart(folder: Path, recipe: Recipe) -> None:
    """What is written there would count as data, and clearing could take data away."""
    work = folder.resolve()
    for item in recipe.folders:
        source = item.resolve()
        if source.is_relative_to(work) or work.is_relative_to(source):
            raise ConfigError(f"--work {folder}: lies in --data {item} or around it; give a folder apart from the data")


def _read(file: Path) -> dict[str, Any]:
    """The options; none when the file is torn, which then are others."""
    try:
        found = json.loads(file.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _clear(folder: Path) -> None:
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
