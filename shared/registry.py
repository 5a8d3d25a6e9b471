"""The model registry: numbered versions of detectors and heads in MLflow, and the aliases that say which one runs.

A model is named as MLflow names it: `models:/wayside-n@production` follows an alias, `models:/wayside-n/3` is fixed.
"""

import hashlib
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from shared.exceptions import ModelError
from shared.mlflow_store import all_pages, once, open_store, plain

PREFIX = "models:/"
PRODUCTION, CANDIDATE, PREVIOUS = "production", "candidate", "previous"
Kind = Literal["detector", "head"]
_REFERENCE = re.compile(r"models:/(?P<name>[a-z0-9][a-z0-9-]*)(@(?P<alias>[a-z][a-z-]*)|/(?P<number>[1-9][0-9]*))")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_EXPERIMENT, _FOLDER = "wayside", "model"
_KIND, _WEIGHTS, _DIGEST, _NOTE = "wayside.kind", "wayside.weights", "wayside.sha256", "wayside.note."


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of one model.

    Attributes:
        weights: name of the weights file among the version's files.
        figures: what was measured before it was registered, such as `map50_95`.
        lineage: what it was made from and how: command, start, data.
        digest: SHA-256 of the weights file, which `fetch` verifies.
        notes: what was written beside it later; see `Registry.note`.
    """

    name: str
    number: int
    kind: Kind
    weights: str
    created: datetime
    aliases: frozenset[str]
    figures: Mapping[str, float]
    lineage: Mapping[str, str]
    digest: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What stands in detections, such as `wayside-n@3`."""
        return f"{self.name}@{self.number}"


def is_reference(name: str) -> bool:
    """Whether a model is named by the registry, not by a file."""
    return name.startswith(PREFIX)


class Registry:
    """Versions and aliases, in a folder of this machine or on an MLflow server.

    Example:
        >>> registry = Registry("registry")                                # doctest: +SKIP
        >>> registry.resolve("models:/wayside-n@production").label         # doctest: +SKIP
        'wayside-n@3'
    """

    def __init__(self, where: str) -> None:
        """`where`: a folder, which is made, or a server's URL.

        Raises:
            ModelError: it cannot be reached or made.
        """
        self._where = where
        self._store = open_store(where)
        self._mlflow = self._store.client

    def register(
        self, name: str, kind: Kind, files: Sequence[Path], *, figures: Mapping[str, float],
        lineage: Mapping[str, str], alias: str | None = CANDIDATE,
    ) -> ModelVersion:  # fmt: skip
        """Add a version; the first of `files` is the weights, the others are its card and reports.

        Raises:
            ModelError: a name that no model can have, or the registry refuses.
        """
        check_name(name)
        with plain(self._where):
            run = self._mlflow.create_run(self._experiment(), run_name=name)
            number = self._log(run.info.run_id, name, kind, files, figures, lineage)
            if alias:
                self._mlflow.set_registered_model_alias(name, alias, str(number))
        return self.resolve(f"{PREFIX}{name}/{number}")

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions of one model or of all, by name and number; other people's models on the server are left out."""
        wanted = f"name='{name}'" if name else None
        with plain(self._where):
            found = all_pages(self._mlflow.search_model_versions, wanted)
            # A search does not tell aliases.
            own = [item for item in found if _KIND in item.tags]
            read = [self._read(self._mlflow.get_model_version(item.name, item.version)) for item in own]
        return sorted(read, key=lambda item: (item.name, item.number))

    def resolve(self, reference: str) -> ModelVersion:
        """The version that `models:/NAME@ALIAS` or `models:/NAME/NUMBER` means now.

        Raises:
            ModelError: not such a reference, or there is none.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise ModelError(
                f"{reference!r} is no model of the registry: write models:/NAME@ALIAS or models:/NAME/NUMBER"
            )
        name, alias, number = match["name"], match["alias"], match["number"]
        with plain(self._where, f"{reference}: "):
            if alias:
                return self._read(self._mlflow.get_model_version_by_alias(name, alias))
            return self._read(self._mlflow.get_model_version(name, number))

    def point(self, name: str, alias: str, number: int | None) -> None:
        """Let an alias mean another version; None takes the alias away."""
        with plain(self._where):
            if number is None:
                self._mlflow.delete_registered_model_alias(name, alias)
            else:
                self._mlflow.set_registered_model_alias(name, alias, str(number))

    def note(self, version: ModelVersion, key: str, text: str) -> None:
        """Write something beside a version, as its history does."""
        with plain(self._where):
            self._mlflow.set_model_version_tag(version.name, str(version.number), f"{_NOTE}{key}", text)

    def fetch(self, version: ModelVersion, cache: Path) -> Path:
        """The weights file of a version, below `cache`; its card lies beside it, and it is fetched once.

        Raises:
            ModelError: it cannot be fetched, or is not the file that was registered.
        """
        # Two registries both have a version 1 of a name, but not of the same moment.
        folder = cache / version.name / f"{version.number}-{version.created:%Y%m%dT%H%M%S%f}"
        if not folder.is_dir():
            from mlflow.artifacts import download_artifacts

            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as fresh, plain(self._where):
                source = self._mlflow.get_model_version_download_uri(version.name, str(version.number))
                got = Path(download_artifacts(artifact_uri=source, dst_path=fresh, tracking_uri=self._store.uri))
                _verify(got / version.weights, version)
                try:
                    got.rename(folder)
                except OSError:
                    if not folder.is_dir():  # else another worker was faster
                        raise
        return folder / version.weights

    def _log(
        self, run: str, name: str, kind: Kind, files: Sequence[Path], figures: Mapping[str, float],
        lineage: Mapping[str, str],
    ) -> int:  # fmt: skip
        from mlflow.entities import Metric, RunTag

        client, now = self._mlflow, int(time.time() * 1000)
        for file in files:
            client.log_artifact(run, str(file), _FOLDER)
        metrics = [Metric(key, value, now, 0) for key, value in figures.items()]
        client.log_batch(run, metrics, tags=[RunTag(key, text) for key, text in lineage.items()])
        client.set_terminated(run)
        once(lambda: client.create_registered_model(name))
        source = f"{client.get_run(run).info.artifact_uri}/{_FOLDER}"
        tags = {_KIND: kind, _WEIGHTS: files[0].name, _DIGEST: _digest(files[0])}
        return int(client.create_model_version(name, source, run, tags=tags).version)

    def _experiment(self) -> str:
        if (found := self._mlflow.get_experiment_by_name(_EXPERIMENT)) is None:
            once(lambda: self._mlflow.create_experiment(_EXPERIMENT, artifact_location=self._store.artifacts))
            found = self._mlflow.get_experiment_by_name(_EXPERIMENT)
        assert found is not None  # it was made one line above, if it was not there
        return str(found.experiment_id)

    def _read(self, version: Any) -> ModelVersion:
        if not {_KIND, _WEIGHTS, _DIGEST} <= set(version.tags):
            raise ModelError(
                f"model registry {self._where}: {version.name}/{version.version} was not registered by Wayside; "
                "add it with `wayside models add FILE`"
            )
        run = self._mlflow.get_run(version.run_id)
        return ModelVersion(
            version.name, int(version.version), version.tags[_KIND], version.tags[_WEIGHTS],
            datetime.fromtimestamp(version.creation_timestamp / 1000, UTC), frozenset(version.aliases),
            dict(run.data.metrics),
            {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
            version.tags[_DIGEST],
            {key.removeprefix(_NOTE): text for key, text in version.tags.items() if key.startswith(_NOTE)},
        )  # fmt: skip


def check_name(name: str) -> None:
    """Whether a model may be called so.

    Raises:
        ModelError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} is no name for a model of the registry: lower-case letters, digits and hyphens")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verify(file: Path, version: ModelVersion) -> None:
    if not file.is_file() or _digest(file) != version.digest:
        raise ModelError(f"{version.label}: {version.weights} in the registry is not the file that was registered")
