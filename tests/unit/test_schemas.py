"""docs/schemas, docs/asyncapi.json and the generated tables follow from the code, and describe what it writes."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from prometheus_client import REGISTRY

from services.alerts.lifecycle import DATA_SCHEMA, AlertBook
from shared import topics
from shared.asyncapi import CHANNELS, asyncapi_document
from shared.exceptions import ConfigError
from shared.frames import Frame
from shared.messages import Evidence
from shared.reference import all_metrics, filled_page, sample_names
from shared.schemas import DOCS, generated, main, out_of_step, schemas
from shared.site import Site
from tests.example_messages import INCIDENT, MESSAGES

ROOT = DOCS.parent


def _published(name: str) -> Draft202012Validator:
    path = DOCS / "schemas" / f"{name}.schema.json"
    return Draft202012Validator(json.loads(path.read_text()), format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_docs_are_in_step_with_the_code() -> None:
    stale = [str(path.relative_to(ROOT)) for path in out_of_step(generated())]
    assert not stale, f"run `make docs`: {', '.join(stale)}"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_every_schema_is_a_valid_json_schema_with_its_own_id(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:wayside:schema:{name.removesuffix('.schema.json')}:1"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_as_written_fits_its_schema_and_a_broken_one_does_not(name: str) -> None:
    body = json.loads(MESSAGES[name].to_bytes())
    _published(name).validate(body)
    assert body["schema"] == f"wayside.{name}/1"
    with pytest.raises(ValidationError):
        _published(name).validate({**body, "schema": "wayside.other/1"})
    del body["schema"]
    with pytest.raises(ValidationError, match="'schema' is a required property"):
        _published(name).validate(body)


def test_an_alert_event_as_written_fits_the_envelope_and_its_data_the_alert_schema() -> None:
    evidence = [Evidence(kind="snapshot", uri="evidence/0123456789abcdef0123.jpg")]
    book = AlertBook()
    event = book.apply(INCIDENT, evidence)
    assert event is not None
    judged = book.judge(MESSAGES["alert-verdict"].model_copy(update={"alert_id": INCIDENT.incident_id}))
    for made in (event, judged):
        body = json.loads(made.to_bytes())
        _published("alert-event").validate(body)
        _published("alert").validate(body["data"])
    assert body["dataschema"] == DATA_SCHEMA == schemas()["alert.schema.json"]["$id"]
    with pytest.raises(ValidationError):
        _published("alert-event").validate({**body, "type": "wayside.alert.lost"})


def test_the_headers_of_a_frame_fit_their_schema_live_and_in_a_run() -> None:
    validator = _published("frame-headers")
    names: set[str] = set()
    for run, trace in ((None, None), ("night", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")):
        frame = Frame("a2-km41", 7, 1_500_000_000, 1280, 720, b"jpeg", run=run, traceparent=trace)
        headers = {name: value.decode() for name, value in frame.headers().items()}
        validator.validate(headers)
        names |= headers.keys()
    assert names == validator.schema["properties"].keys()
    with pytest.raises(ValidationError):
        validator.validate({**headers, "captured_at": "1.5"})


def test_the_example_site_fits_the_site_schema_and_a_wrong_one_does_not() -> None:
    validator = _published("site")
    site = yaml.safe_load((ROOT / "deploy/examples/highway.yaml").read_text())
    validator.validate(site)
    Site.model_validate(site)
    for wrong in ({"colour": "red"}, {"rules": [{"incident": "parked"}]}, {"cameras": []}):
        with pytest.raises(ValidationError):
            validator.validate(site | wrong)


def test_asyncapi_has_every_topic_and_all_its_references_lead_somewhere() -> None:
    document = asyncapi_document()
    assert list(document["channels"]) == [spec.name for spec in topics.SPECS] == list(CHANNELS)
    references = _references(document)
    assert any(reference.startswith("./") for reference in references)
    for reference in references:
        if reference.startswith("./"):
            assert (DOCS / reference).is_file(), reference
            continue
        node = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]
    groups = {
        (operation["channel"]["$ref"].rpartition("/")[2], operation["bindings"]["kafka"]["groupId"]["enum"][0])
        for operation in document["operations"].values()
        if operation["action"] == "receive"
    }
    trainer = (topics.TRAINING_REQUESTS, topics.TRAINER_GROUP)
    assert groups == {trainer, *((topic, group) for group, topic in topics.STAGES)}


def test_check_names_what_is_out_of_step_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for page in ("settings.md", "metrics.md", "topics.md"):
        (docs / page).write_text((DOCS / page).read_text())
    monkeypatch.setattr("shared.schemas.DOCS", docs)
    monkeypatch.setattr("shared.schemas.generated", lambda: generated(docs))
    assert main(["--check"]) == 1
    assert "docs/schemas/site.schema.json is out of step with the code; run `make docs`" in capsys.readouterr().err
    assert not (docs / "schemas").exists()
    assert main([]) == 0
    (docs / "schemas" / "old.schema.json").write_text("{}")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert not (docs / "schemas" / "old.schema.json").exists()


def test_a_page_without_its_marks_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    with pytest.raises(ConfigError, match="the page is missing"):
        filled_page(page, "")
    page.write_text("# Settings\n")
    with pytest.raises(ConfigError, match="exactly one pair of the marks"):
        filled_page(page, "")


def test_no_metric_is_missing_from_the_reference() -> None:
    registered = {
        name for name in REGISTRY._names_to_collectors if name.startswith("wayside_") and not name.endswith("_created")
    }
    listed = {name for metric in all_metrics() for name in sample_names(metric)}
    assert listed <= registered
    assert registered - listed <= {next(iter(metric.describe())).name for metric in all_metrics()}


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for value in node.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _references(value)]
    return []
