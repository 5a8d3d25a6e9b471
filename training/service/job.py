"""One requested training as a child process: its command, what it says, and how it ended."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.process import DataFolder, ServerProcess
from shared.settings import Settings
from shared.training import TrainingRequest

_EPOCH = re.compile(r"epoch (\d+) of (\d+)")
_CANDIDATE = re.compile(r"(\S+@\d+) is the candidate of")
_RESULT = "result.txt"
_NAME = "train"


@dataclass(frozen=True, slots=True)
class Said:
    """The last that a training said: the epoch that has ended, of how many, and the line."""

    epoch: int
    epochs: int
    text: str


def command_of(request: TrainingRequest, settings: Settings, work: Path) -> list[str]:
    """`wayside train …` for a request; `work` keeps what a killed training needs to go on."""
    candidates = [_with_its_file(text, settings.datasets) for text in request.candidates or ()]
    options = {
        "--name": request.name, "--start": request.start, "--epochs": request.epochs, "--lr": request.lr,
        "--imgsz": request.imgsz, "--seed": request.seed, "--staged": request.staged, "--patience": request.patience,
        "--freeze": request.freeze, "--batch": request.batch, "--repeat": request.repeat, "--keep": request.keep,
        "--candidates": ",".join(candidates) or None, "--schedule": request.schedule, "--licence": request.licence,
        "--out": work / "models", "--registry": settings.registry,
    }  # fmt: skip
    if request.kind == "detector":
        options["--work"] = work / "run"
    words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    switches = {"teach": request.teach, "balance": request.balance}
    words += [f"--{'' if on else 'no-'}{name}" for name, on in switches.items() if on is not None]
    words += ["--degrade"] if request.degrade else []
    folders = [word for folder in request.data for word in ("--data", str(settings.datasets / folder))]
    return [sys.executable, "-m", "services.cli", "train", request.kind, *words, *folders, "--register"]


def _with_its_file(candidate: str, datasets: Path) -> str:
    name, _, file = candidate.partition("=")
    return f"{name}={datasets / file}" if file else name


class Job:
    """A running training. It ends with this process at the latest, and a new job of the same request goes on with it.

    Raises:
        ConfigError: its folder cannot be used.
    """

    def __init__(self, request: TrainingRequest, settings: Settings) -> None:
        self.request = request
        self._folder = DataFolder(settings.data / "training" / request.request_id)
        self._result = self._folder.path / _RESULT
        self._read = 0
        self.model = self._made()
        self._process = (
            None if self.model else ServerProcess(_NAME, command_of(request, settings, self._folder.path), self._folder)
        )

    def _made(self) -> str | None:
        """What this request has made, also in an earlier job that was killed before it had noted that; else None."""
        if self._result.is_file():
            return self._result.read_text()
        log = self._folder.path / f"{_NAME}.log"
        found = _CANDIDATE.search(log.read_text(errors="replace")) if log.is_file() else None
        if found is None:
            return None
        self._result.write_text(found[1])  # the same request again finds this and trains nothing
        return found[1]

    def said(self) -> Said | None:
        """The last epoch that it has told since the last call."""
        if self._process is None:
            return None
        with self._process.log_path.open("rb") as log:
            log.seek(self._read)
            lines = log.read().decode(errors="replace").splitlines(keepends=True)
        # A line that is still being written is read again.
        whole = [line for line in lines if line.endswith("\n")]
        self._read += sum(len(line.encode()) for line in whole)
        told = [(match, line) for line in whole if (match := _EPOCH.match(line))]
        if not told:
            return None
        match, line = told[-1]
        return Said(int(match[1]), int(match[2]), line.strip())

    def ended(self) -> bool:
        """Whether it has; then `model` names what it made, or `reason` says why it made nothing."""
        if self._process is None:
            return True
        if self._process.running():
            return False
        self.model = self._made()
        return True

    @property
    def reason(self) -> str:
        """The last line of a training that made nothing."""
        return self._process.last_words() if self._process else ""

    def stop(self) -> None:
        """End it, if it runs, and leave its folder; idempotent."""
        if self._process is not None:
            self._process.stop()
        self._folder.release()
