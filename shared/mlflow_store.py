"""MLflow made to behave: quiet, in pages, safe to open by two processes at once, its errors as one line each."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.exceptions import ModelError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Models or versions that one search gives; the next page is asked for with the token of the last.
PAGE = 100
# Read when MLflow is imported: its own lines, bars and links would stand among ours, and it would report to its makers.
_QUIET = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A worker that asks a dead server must say so in seconds and go on with the model that it has.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@dataclass(frozen=True, slots=True)
class Store:
    """An open MLflow store.

    Attributes:
        uri: as MLflow names it.
        artifacts: where files lie; None: the server says it.
    """

    client: "MlflowClient"
    uri: str
    artifacts: str | None


def open_store(where: str) -> Store:
    """Open the store in a folder, which is made, or on a server.

    Raises:
        ModelError: it cannot be reached or made.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if urlsplit(where).scheme in ("http", "https"):
        return Store(_connect(where, where), where, None)
    folder = Path(where).resolve()
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # MLflow makes its tables at the first use; two processes that do so at once fail on each other's.
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return Store(_connect(where, uri), uri, (folder / "artifacts").as_uri())
    except OSError as error:
        raise ModelError(f"model registry {where}: {error.strerror or error}; give another --registry") from None


def _connect(where: str, uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    with plain(where):
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_registered_models(max_results=1)  # opens the registry's half too
    return client


def all_pages(search: Callable[..., Any], wanted: str | None) -> list[Any]:
    """Everything that one of MLflow's searches finds."""
    page = search(wanted, max_results=PAGE)
    found = list(page)
    while page.token:
        page = search(wanted, max_results=PAGE, page_token=page.token)
        found += page
    return found


def once(make: Callable[[], object]) -> None:
    """Make something that another process may be making at the same moment."""
    from mlflow.exceptions import MlflowException

    try:
        make()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def plain(where: str, about: str = "") -> Iterator[None]:
    """Every error of MLflow as one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise ModelError(f"{about}model registry {where}: {str(error).splitlines()[0]}") from None
