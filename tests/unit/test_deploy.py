"""docker-compose.yml and the image stay in step with the code: commands, settings, ports, broker."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator

from services.cli import app
from shared.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILES = ("docker-compose.yml", "deploy/docker/gpu.yml")
SERVICES = ("producer", "detector", "analyzer", "inspector", "alerts", "console", "trainer")


def _yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def _filled(value: str) -> str:
    """A compose value with the defaults of its `${NAME:-default}`."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


COMPOSE = _yaml("docker-compose.yml")["services"]


def _health_address(service: str) -> str:
    match = re.search(r"http://[^/'\"]+/[^'\"]*", " ".join(COMPOSE[service]["healthcheck"]["test"]))
    assert match, service
    return match[0]


def _metrics_port(service: str) -> int:
    """Where the service serves /metrics, as its environment says; the console on its own port."""
    name = "WAYSIDE_CONSOLE_PORT" if service == "console" else "WAYSIDE_METRICS_PORT"
    return int(COMPOSE[service]["environment"][name])


@pytest.mark.parametrize("path", COMPOSE_FILES)
def test_compose_files_follow_the_compose_specification(path: str) -> None:
    specification = get_builtin_schema("vendor.compose-spec")
    errors = [error.message for error in Draft202012Validator(specification).iter_errors(_yaml(path))]
    assert not errors


def test_the_specification_would_catch_a_mistake() -> None:
    wrong = _yaml("docker-compose.yml")
    wrong["services"]["detector"]["helthcheck"] = {}
    specification = get_builtin_schema("vendor.compose-spec")
    assert not Draft202012Validator(specification).is_valid(wrong)


def test_every_service_runs_the_command_of_its_name_and_the_command_exists() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {name for name, service in COMPOSE.items() if service.get("image") == "wayside:latest"} == set(SERVICES)
    for name in SERVICES:
        assert COMPOSE[name]["command"] == ["wayside", name]
        assert name in known


@pytest.mark.parametrize("path", COMPOSE_FILES)
def test_every_wayside_variable_is_a_setting(path: str) -> None:
    settings = {f"WAYSIDE_{name.upper()}" for name in Settings.model_fields}
    used = {
        name
        for service in _yaml(path)["services"].values()
        for name in service.get("environment", {})
        if name.startswith("WAYSIDE_")
    }
    assert used
    assert used <= settings
    assert set(re.findall(r"WAYSIDE_\w+", (ROOT / path).read_text())) <= settings


@pytest.mark.parametrize("name", SERVICES)
def test_the_settings_of_every_service_are_valid_and_lead_to_its_neighbours(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("WAYSIDE_")]:
        monkeypatch.delenv(variable)
    for variable, value in COMPOSE[name]["environment"].items():
        monkeypatch.setenv(variable, _filled(value))
    settings = load_settings()
    assert settings.kafka == "kafka:9092"
    assert f"PLAINTEXT://{settings.kafka}" == COMPOSE["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.redis.startswith("redis://redis:6379/")
    targets = {volume["target"] for volume in COMPOSE[name]["volumes"] if isinstance(volume, dict)}
    if name in ("detector", "trainer"):
        assert str(settings.models) in targets
    if name == "trainer":
        assert str(settings.datasets) in targets
    elif name != "detector":
        assert str(settings.site.parent) in targets
    listens = settings.console_host if name == "console" else settings.metrics_host
    assert listens == "0.0.0.0", "Prometheus scrapes from another container"


@pytest.mark.parametrize("name", SERVICES)
def test_health_checks_and_prometheus_ask_the_port_that_the_service_listens_on(name: str) -> None:
    port = _metrics_port(name)
    assert _health_address(name) == f"http://127.0.0.1:{port}/healthz"
    jobs = {job["job_name"]: job for job in _yaml("deploy/prometheus/prometheus.yml")["scrape_configs"]}
    (target,) = jobs[name]["dns_sd_configs"]
    assert (target["names"], target["type"], target["port"]) == ([name], "A", port)
    assert jobs[name].get("metrics_path", "/metrics") == "/metrics"
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    assert str(port) in re.findall(r"^EXPOSE (.*)$", dockerfile, re.MULTILINE)[0].split()


def test_every_container_has_a_health_check_and_comes_back_after_a_failure() -> None:
    for name, service in COMPOSE.items():
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert service["restart"] == "unless-stopped", name
        for dependency, how in service.get("depends_on", {}).items():
            assert dependency in COMPOSE
            assert how == {"condition": "service_healthy"}
    for name in SERVICES:
        assert set(COMPOSE[name]["depends_on"]) == {"kafka", "redis"}


def test_ports_are_published_on_loopback_only_and_they_are_those_listened_on() -> None:
    published = {name: service["ports"] for name, service in COMPOSE.items() if "ports" in service}
    assert set(published) == {"console", "prometheus", "grafana"}
    for name, ports in published.items():
        address, outside, inside = ports[0].split(":")
        assert len(ports) == 1
        assert address == "127.0.0.1"
        assert outside == inside
        assert f":{inside}/" in _health_address(name)


def test_alerts_and_the_inspector_write_the_evidence_that_the_console_only_reads() -> None:
    data = COMPOSE["alerts"]["environment"]["WAYSIDE_DATA"]
    for name in ("alerts", "inspector"):
        assert f"evidence:{data}" in COMPOSE[name]["volumes"]
    assert f"evidence:{data}:ro" in COMPOSE["console"]["volumes"]
    assert COMPOSE["console"]["environment"]["WAYSIDE_DATA"] == data


def test_the_trainer_is_started_on_request_only_and_registers_where_the_detector_looks() -> None:
    assert {name: service["profiles"] for name, service in COMPOSE.items() if "profiles" in service} == {
        "trainer": ["training"]
    }
    assert all("trainer" not in service.get("depends_on", {}) for service in COMPOSE.values())
    detector, trainer = (COMPOSE[name] for name in ("detector", "trainer"))
    assert trainer["environment"]["WAYSIDE_REGISTRY"] == detector["environment"]["WAYSIDE_REGISTRY"]
    assert "weights:/cache" in trainer["volumes"]
    assert "weights:/cache" in detector["volumes"]
    assert f"training:{trainer['environment']['WAYSIDE_DATA']}" in trainer["volumes"], "it goes on after a restart"
    (datasets,) = [item for item in trainer["volumes"] if isinstance(item, dict) and item["target"] == "/datasets"]
    assert datasets["read_only"]


def test_every_bind_mount_of_the_checkout_exists() -> None:
    sources = [
        volume.partition(":")[0]
        for service in COMPOSE.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and volume.startswith("./")
    ]
    assert len(sources) == 3
    assert [source for source in sources if not (ROOT / source).is_dir()] == []


def test_the_broker_is_set_up_as_the_local_one() -> None:
    lines = (ROOT / "deploy/kafka/server.properties").read_text().splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    own = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in COMPOSE["kafka"]["environment"].items()
    }
    differs_by_nature = {
        "listeners",
        "advertised.listeners",
        "controller.quorum.voters",
        "log.dirs",
        "process.roles",
        "inter.broker.listener.name",
    }
    both = (own.keys() & local.keys()) - differs_by_nature
    assert "auto.create.topics.enable" in both
    assert len(both) > 8
    assert {name: own[name] for name in both} == {name: local[name] for name in both}


def test_the_image_has_kafkas_version_of_the_pom() -> None:
    pom = (ROOT / "deploy/kafka/pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([\d.]+)</version>", pom)
    assert version
    assert COMPOSE["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_the_image_is_built_from_what_the_builder_may_see_and_runs_as_a_user() -> None:
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    }
    allowed = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert re.findall(r"^USER (\w+)$", dockerfile, re.MULTILINE) == ["wayside"]
    assert COMPOSE["detector"]["build"]["dockerfile"] == "deploy/docker/Dockerfile"


def test_images_are_pinned() -> None:
    images = [service["image"] for service in COMPOSE.values() if "build" not in service]
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\d.]*", image) for image in images), images
