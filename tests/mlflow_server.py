"""MLflow's own server on loopback, without what its page and its assistant need beside Flask.

python -m tests.mlflow_server FOLDER PORT
"""

import os
import sys
from pathlib import Path


def main(folder: Path, port: int) -> None:
    """Serve until killed; versions and files lie below `folder`."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    # What `mlflow server` sets for its workers; that command starts workers which need the whole package.
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    from mlflow.server import app
    from werkzeug.serving import run_simple

    run_simple("127.0.0.1", port, app, threaded=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
