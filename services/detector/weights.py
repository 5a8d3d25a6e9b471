"""Finding weights by name: our folders first, then Ultralytics's download."""

import hashlib
import logging
import os
from pathlib import Path

from shared.exceptions import ModelError
from shared.registry import is_reference

_ROOT = Path(__file__).resolve().parents[2]


def model_folders(extra: Path | None = None) -> list[Path]:
    """Where weights are looked for, in order."""
    folders = [Path("models"), _ROOT / "models"]
    if extra:
        folders.append(extra)
    folders += [_ROOT.parent / "shared" / "models", Path("../shared/models")]
    return list(dict.fromkeys(folder.resolve() for folder in folders))


def find_weights(name: str, extra: Path | None = None) -> Path:
    """The file of the named weights.

    Args:
        name: a path to a .safetensors or .pt file, or a name such as `wayside-n`.
        extra: `$WAYSIDE_MODELS`.

    Raises:
        ModelError: nowhere to be had; the text lists where it was looked for.
    """
    if is_reference(name):
        raise ModelError(f"{name}: models of the registry are not read here; give a name or a file")
    if Path(name).suffix:
        path = Path(name)
        if path.is_file():
            return path
        if path.parent != Path():
            raise ModelError(f"{name}: no such weights file")
    files = [name] if Path(name).suffix else [f"{name}.safetensors", f"{name}.pt"]
    folders = model_folders(extra)
    for folder in folders:
        for file in files:
            if (folder / file).is_file():
                return folder / file
    return _download(name, files[-1], folders)


def _download(name: str, file: str, folders: list[Path]) -> Path:
    from ultralytics.utils import LOGGER
    from ultralytics.utils.downloads import attempt_download_asset

    asset = file.replace("-coco", "")  # our name says the classes; Ultralytics's release file does not
    target = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "models" / asset
    looked = ", ".join(str(folder) for folder in folders)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        LOGGER.setLevel(logging.ERROR)  # its warnings repeat at length what our one line says
        try:
            attempt_download_asset(target)
        except (OSError, RuntimeError, ValueError) as error:
            text = (str(error) or type(error).__name__).splitlines()[0]
            reason = text.encode("ascii", "ignore").decode().strip()
            raise ModelError(
                f"weights {name!r} are in none of {looked}, and the download of {asset} failed ({reason}); "
                f"put {file} into one of these folders or set WAYSIDE_MODELS"
            ) from None
    if not target.is_file():
        raise ModelError(
            f"weights {name!r} are in none of {looked}, and Ultralytics offers no {asset}; "
            f"put {file} into one of these folders or set WAYSIDE_MODELS"
        )
    return target


def version_of(weights: Path) -> str:
    """Name and first 8 digits of the SHA-256 of the weights, such as `wayside-n@1a2b3c4d`."""
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{weights.stem}@{digest[:8]}"
