"""The Grafana dashboard and the Prometheus rules ask only for metrics and labels that the code has, and for all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from shared.reference import all_metrics, sample_names

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# What Prometheus itself adds: to every sample, to a histogram's buckets, and one metric per target.
TARGET_LABELS = {"job", "instance"}
LABELS = {
    name: set(metric._labelnames) | TARGET_LABELS | ({"le"} if name.endswith("_bucket") else set())
    for metric in all_metrics()
    for name in sample_names(metric)
}
# Grafana fills these in; the values only have to parse.
MACROS = {"$__rate_interval": "1m", "$__range": "1h", "$camera": ".*"}


def _yaml(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())


DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/wayside.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = {
    f"{panel['id']} {panel['title']} {target['refId']}": target for panel in PANELS for target in panel["targets"]
}
RULES = {rule["alert"]: rule for group in _yaml("prometheus/rules.yml")["groups"] for rule in group["rules"]}


def _nodes(expression: str) -> Iterator[Any]:
    """Every node of a PromQL expression; a wrong expression raises ValueError."""
    for macro, value in MACROS.items():
        expression = expression.replace(macro, value)
    nodes: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), nodes.append)
    yield from nodes


def _metrics_of(expression: str) -> set[str]:
    """The metrics that an expression reads, after checking their labels."""
    selectors = {}
    for node in _nodes(expression):
        vector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(vector, promql_parser.VectorSelector):
            selectors.setdefault(vector.name, set()).update(matcher.name for matcher in vector.matchers.matchers)
    for name, filters in selectors.items():
        known = LABELS.get(name, TARGET_LABELS)
        assert filters <= known, f"{name} has no label {filters - known}"
    for node in _nodes(expression):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            for name in selectors:
                assert set(node.modifier.labels) <= LABELS[name], f"{name} cannot be grouped by {node.modifier.labels}"
    return set(selectors)


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_panel_asks_only_for_metrics_and_labels_that_the_code_has(name: str) -> None:
    used = _metrics_of(QUERIES[name]["expr"])
    assert used
    assert used <= LABELS.keys()
    legend = set(re.findall(r"\{\{(\w+)\}\}", QUERIES[name]["legendFormat"]))
    assert all(legend <= LABELS[metric] for metric in used)


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(_metrics_of(target["expr"]) for target in QUERIES.values()))
    missing = [str(metric) for metric in all_metrics() if not shown & set(sample_names(metric))]
    assert not missing


def test_the_label_check_would_catch_a_mistake() -> None:
    assert _metrics_of('sum by (camera) (rate(wayside_frames_in_total{service="producer"}[1m]))')
    for wrong in (
        'wayside_frames_in_total{cam="a"}',
        "sum by (zone) (wayside_alerts_total)",
        'rate(wayside_frames_in_total{cam="a"}[1m])',
    ):
        with pytest.raises(AssertionError):
            _metrics_of(wrong)
    with pytest.raises(ValueError):
        _metrics_of("sum by camera wayside_source_up")


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_asks_only_for_what_there_is_and_says_what_to_do(name: str) -> None:
    rule = RULES[name]
    used = _metrics_of(rule["expr"])
    assert used
    assert used <= LABELS.keys() | {"up"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    labels = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert all(labels <= LABELS.get(metric, TARGET_LABELS) for metric in used)


def test_the_rules_cover_what_ends_in_silence() -> None:
    used = set().union(*(_metrics_of(rule["expr"]) for rule in RULES.values()))
    assert {"up", "wayside_consumer_lag", "wayside_source_up", "wayside_dead_letters_total"} <= used
    assert _yaml("prometheus/prometheus.yml")["rule_files"] == ["rules.yml"]


def test_the_dashboard_uses_the_provisioned_source_and_its_panels_do_not_overlap() -> None:
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    assert {target["datasource"]["uid"] for target in QUERIES.values()} == {source["uid"]}
    assert DASHBOARD["templating"]["list"][0]["datasource"]["uid"] == source["uid"]
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_compose_mounts_the_dashboard_where_grafana_looks_for_it() -> None:
    grafana = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]["grafana"]
    (provider,) = _yaml("grafana/provisioning/dashboards/wayside.yml")["providers"]
    folder = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{folder}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/wayside.json"
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
