"""The model registry: numbered versions of detectors and heads in MLflow, and the aliases that say which one runs.

A model is named as MLflow names it: `models:/wayside-n@production` follows an alias, `models:/wayside-n/3` is fixed.
"""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from shared.exceptions import ModelError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREFIX = "models:/"
PRODUCTION, CANDIDATE, PREVIOUS = "production", "candidate", "previous"
Kind = Literal["detector", "head"]
_REFERENCE = re.compile(r"models:/(?P<name>[a-z0-9][a-z0-9-]*)(@(?P<alias>[a-z][a-z-]*)|/(?P<number>[1-9][0-9]*))")
_EXPERIMENT, _FOLDER = "wayside", "model"
_KIND, _WEIGHTS = "wayside.kind", "wayside.weights"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of one model.

    Attributes:
        weights: name of the weights file among the version's files.
        figures: what was measured before it was registered, such as `map50_95`.
        lineage: what it was made from and how: command, start, data.
    """

    name: str
    number: int
    kind: Kind
    weights: str
    created: datetime
    aliases: frozenset[str]
    figures: Mapping[str, float]
    lineage: Mapping[str, str]

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
            ModelError: it cannot be reached.
        """
        self._where = where
        if urlsplit(where).scheme in ("http", "https"):
            self._uri, self._artifacts = where, None
        else:
            folder = Path(where).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            self._uri, self._artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
        self._mlflow = self._connect()

    def register(
        self, name: str, kind: Kind, files: Sequence[Path], *, figures: Mapping[str, float],
        lineage: Mapping[str, str], alias: str | None = CANDIDATE,
    ) -> ModelVersion:  # fmt: skip
        """Add a version; the first of `files` is the weights, the others are its card and reports.

        Raises:
            ModelError: the registry refuses.
        """
        with _plain(self._where):
            run = self._mlflow.create_run(self._experiment(), run_name=name)
            number = self._log(run.info.run_id, name, kind, files, figures, lineage)
            if alias:
                self._mlflow.set_registered_model_alias(name, alias, str(number))
        return self.resolve(f"{PREFIX}{name}/{number}")

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions of one model or of all, by name and number."""
        with _plain(self._where):
            names = [name] if name else [item.name for item in self._mlflow.search_registered_models()]
            found = [item for each in names for item in self._mlflow.search_model_versions(f"name='{each}'")]
            # A search does not tell aliases.
            read = [self._read(self._mlflow.get_model_version(item.name, item.version)) for item in found]
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
        with _plain(self._where, f"{reference}: "):
            if alias:
                return self._read(self._mlflow.get_model_version_by_alias(name, alias))
            return self._read(self._mlflow.get_model_version(name, number))

    def point(self, name: str, alias: str, number: int | None) -> None:
        """Let an alias mean another version; None takes the alias away."""
        with _plain(self._where):
            if number is None:
                self._mlflow.delete_registered_model_alias(name, alias)
            else:
                self._mlflow.set_registered_model_alias(name, alias, str(number))

    def fetch(self, version: ModelVersion, cache: Path) -> Path:
        """The weights file of a version, below `cache`; its name there is the version's, and it is fetched once."""
        folder = cache / version.name / str(version.number)
        if not folder.is_dir():
            from mlflow.artifacts import download_artifacts

            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as fresh, _plain(self._where):
                source = self._mlflow.get_model_version_download_uri(version.name, str(version.number))
                got = download_artifacts(artifact_uri=source, dst_path=fresh, tracking_uri=self._uri)
                if not folder.is_dir():  # another worker may have been faster
                    shutil.move(got, folder)
        return folder / version.weights

    def _log(
        self, run: str, name: str, kind: Kind, files: Sequence[Path], figures: Mapping[str, float],
        lineage: Mapping[str, str],
    ) -> int:  # fmt: skip
        client = self._mlflow
        for file in files:
            client.log_artifact(run, str(file), _FOLDER)
        for key, value in figures.items():
            client.log_metric(run, key, value)
        for key, text in lineage.items():
            client.set_tag(run, key, text)
        client.set_terminated(run)
        if not client.search_registered_models(f"name='{name}'"):
            client.create_registered_model(name)
        source = f"{client.get_run(run).info.artifact_uri}/{_FOLDER}"
        made = client.create_model_version(name, source, run, tags={_KIND: kind, _WEIGHTS: files[0].name})
        return int(made.version)

    def _experiment(self) -> str:
        found = self._mlflow.get_experiment_by_name(_EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self._mlflow.create_experiment(_EXPERIMENT, artifact_location=self._artifacts))

    def _read(self, version: Any) -> ModelVersion:
        run = self._mlflow.get_run(version.run_id)
        return ModelVersion(
            version.name, int(version.version), version.tags[_KIND], version.tags[_WEIGHTS],
            datetime.fromtimestamp(version.creation_timestamp / 1000, UTC), frozenset(version.aliases),
            dict(run.data.metrics),
            {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        )  # fmt: skip

    def _connect(self) -> "MlflowClient":
        # A worker that asks a dead server must say so in seconds and go on with the model that it has.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        with _plain(self._where):
            return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)


@contextmanager
def _plain(where: str, about: str = "") -> Iterator[None]:
    """Every error of MLflow as one line."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise ModelError(f"{about}model registry {where}: {str(error).splitlines()[0]}") from None
