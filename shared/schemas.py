"""JSON Schemas of everything that other programs read or write; `python -m shared.schemas` writes all of docs/'s
generated parts, `--check` only compares.

The schemas describe what Wayside writes. A reader should ignore fields that it does not know: they may be added
within a schema version.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared import frames
from shared.asyncapi import asyncapi_document
from shared.camera_status import CameraStatus
from shared.catalogue import CATALOGUE
from shared.checkpoint import Checkpoint
from shared.comparison import ModelComparison
from shared.exceptions import WaysideError
from shared.inspection import Confirmation, Inspection, InspectionRequest
from shared.messages import Alert, DeadLetter, Detections, Incident, LaneStats, Tracks
from shared.reference import filled_page, metrics_table, settings_table, topics_table
from shared.site import Site
from shared.training import TrainingProgress, TrainingRequest
from shared.turnaround import Turnaround
from shared.verdict import AlertVerdict

DOCS = Path(__file__).resolve().parents[1] / "docs"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The changes of an alert that a CloudEvent's type names.
ALERT_CHANGES = ("opened", "updated", "closed", "acknowledged", "dismissed")

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Every JSON Schema by its file name in docs/schemas/."""
    return {
        "site.schema.json": site_schema(),
        "frame-headers.schema.json": frame_headers_schema(),
        "detections.schema.json": message_schema(Detections, "detections:1"),
        "camera-status.schema.json": message_schema(CameraStatus, "camera-status:1"),
        "tracks.schema.json": message_schema(Tracks, "tracks:1"),
        "incident.schema.json": message_schema(Incident, "incident:1"),
        "lane-stats.schema.json": message_schema(LaneStats, "lane-stats:1"),
        "turnaround.schema.json": message_schema(Turnaround, "turnaround:1"),
        "model-comparison.schema.json": message_schema(ModelComparison, "model-comparison:1"),
        "inspection-request.schema.json": message_schema(InspectionRequest, "inspection-request:1"),
        "inspection.schema.json": message_schema(Inspection, "inspection:1"),
        "confirmation.schema.json": message_schema(Confirmation, "confirmation:1"),
        "alert-verdict.schema.json": message_schema(AlertVerdict, "alert-verdict:1"),
        "alert.schema.json": message_schema(Alert, "alert:1"),
        "alert-event.schema.json": alert_event_schema(),
        "checkpoint.schema.json": message_schema(Checkpoint, "checkpoint:1"),
        "training-request.schema.json": message_schema(TrainingRequest, "training-request:1"),
        "training-progress.schema.json": message_schema(TrainingProgress, "training-progress:1"),
        "dead-letter.schema.json": message_schema(DeadLetter, "dead-letter:1"),
    }


def message_schema(model: type[BaseModel], name: str) -> Schema:
    """Schema of a message as it is written: with published names, and `schema` required where there is one.

    The code fills `schema` in by default, and so pydantic calls it optional; a message on a topic always has it.
    """
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    if "schema" in schema["properties"]:
        schema["required"] = ["schema", *schema["required"]]
    return _headed(name, schema)


def site_schema() -> Schema:
    """Schema of a site file, with what its validators check beside the types, so that editors show it too."""
    schema = Site.model_json_schema(mode="validation")
    schema["$defs"]["Zone"]["properties"]["polygon"]["minItems"] = 3
    schema["$defs"]["Rule"]["properties"]["incident"]["enum"] = list(CATALOGUE)
    return _headed("site:1", schema)


def frame_headers_schema() -> Schema:
    """Schema of a frame message's headers, each a UTF-8 text; the value is the JPEG."""
    number = {"type": "string", "pattern": "^[0-9]{1,19}$"}
    properties: Schema = {
        "schema": {"const": frames.SCHEMA},
        "camera": {"type": "string", "minLength": 1, "description": "camera id; also the message's key"},
        "seq": {**number, "description": "counts the camera's analysed frames since its producer started"},
        "captured_at": {**number, "description": "capture time, nanoseconds since the epoch, UTC"},
        "width": {**number, "description": "pixels"},
        "height": {**number, "description": "pixels"},
        "run": {"type": "string", "description": "id of the replay or batch; absent when live"},
        "traceparent": {"type": "string", "description": "W3C Trace Context"},
    }
    optional = {"run", "traceparent"}
    body = {
        "title": "FrameHeaders",
        "description": "Headers of a message on the topic frames.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return _headed("frame-headers:1", body)


def alert_event_schema() -> Schema:
    """Schema of a message on the topic alerts, of a webhook's body and of a line of alerts.jsonl: a CloudEvent
    (version 1.0, JSON event format) whose data is an alert."""
    alert = Alert.model_json_schema(by_alias=True, mode="serialization")
    definitions = alert.pop("$defs")
    properties: Schema = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "description": "<alert id>.<revision>; drop what you have had"},
        "source": {"type": "string", "pattern": "^wayside/[^/]+/[^/]+$", "description": "wayside/<site>/<camera>"},
        "type": {"enum": [f"wayside.alert.{change}" for change in ALERT_CHANGES]},
        "time": {"type": "string", "format": "date-time", "description": "event time; of a verdict, when it was given"},
        "subject": {"type": "string", "description": "alert id"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": "urn:wayside:schema:alert:1"},
        "data": {"$ref": "#/$defs/Alert"},
    }
    body = {
        "title": "AlertEvent",
        "description": "A CloudEvents 1.0 event (JSON event format) about an alert.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": {**definitions, "Alert": alert},
    }
    return _headed("alert-event:1", body)


def _headed(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:wayside:schema:{name}", **schema}


def generated(docs: Path = DOCS) -> dict[Path, str]:
    """The text of every generated file, by its path under `docs`.

    Raises:
        ConfigError: a page that holds a generated table is missing, or its marks are.
    """
    files = {docs / "schemas" / name: _json(schema) for name, schema in schemas().items()}
    files[docs / "asyncapi.json"] = _json(asyncapi_document())
    tables = {"settings.md": settings_table(), "metrics.md": metrics_table(), "topics.md": topics_table()}
    for page, table in tables.items():
        files[docs / page] = filled_page(docs / page, table)
    return files


def out_of_step(files: Mapping[Path, str]) -> list[Path]:
    """The files whose text differs from what the code gives now, and those that nothing generates any more."""
    changed = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    folders = {path.parent for path in files if path.name.endswith(".schema.json")}
    left = [path for folder in sorted(folders) for path in folder.glob("*.schema.json") if path not in files]
    return sorted(changed + left)


def main(arguments: list[str] | None = None) -> int:
    """Write the generated files; with `--check` write nothing, and return 1 when one is out of step."""
    parser = argparse.ArgumentParser(prog="python -m shared.schemas", description="Write the generated parts of docs/.")
    parser.add_argument("--check", action="store_true", help="only compare; exit code 1 when something differs")
    check = parser.parse_args(arguments).check
    try:
        files = generated()
    except WaysideError as error:
        sys.stderr.write(f"schemas: {error}\n")
        return error.exit_code
    stale = out_of_step(files)
    if check:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is out of step with the code; run `make docs`\n")
        return 1 if stale else 0
    for path in stale:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")
    return 0


def _json(document: Schema) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
