"""Counts the tests that used real services, and fails a CI run in which any of those was skipped.

A test counts by its marker (kafka, redis, shared, rtsp, browser) or by the fixture that stands for it, once it
has run: passed or failed. What a processor cannot do, no set-up brings: a test may skip that everywhere.

Tests may run in several processes (pytest-xdist): each report carries what its test needs to the one that counts.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

# What the summary says per marker; a fixture fills in the version of the server that it started.
_LABELS = {"kafka": "Apache Kafka", "redis": "Redis", "rtsp": "RTSP", "browser": "a browser", "shared": "../shared"}
_FIXTURES = {
    "kafka": "kafka",
    "own_kafka": "kafka",
    "kafka_jars": "kafka",
    "redis_url": "redis",
    "shared_dir": "shared",
}
_PROCESSOR = "needs a CPU with"
# What a report carries, and what a process hands over when it ends.
_NEEDS, _VERSIONS = "real services", "versions of real services"


class RealServices:
    """Listens to the run's reports.

    Attributes:
        versions: per marker, the version of the server; filled in by the fixture that starts it.
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._ran: dict[str, set[str]] = {name: set() for name in _LABELS}
        self._skipped: dict[str, None] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marked = {mark.name for mark in item.iter_markers()} & set(_LABELS)
            fixtures = {_FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in _FIXTURES}
            for name in fixtures - marked:
                item.add_marker(name)  # so that `-m kafka` selects all that need Kafka
            item.user_properties.append((_NEEDS, sorted(marked | fixtures)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        needs = next((value for name, value in report.user_properties if name == _NEEDS), [])
        if report.skipped and not hasattr(report, "wasxfail") and needs and _PROCESSOR not in str(report.longrepr):
            self._skipped[f"{report.nodeid} ({', '.join(needs)})"] = None
        elif report.when == "call" or report.failed:
            for name in needs:
                self._ran[name].add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:  # a whole module: nobody knows any more what its tests needed; each process says so
            self._skipped[f"{report.nodeid} (the whole file)"] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.versions |= getattr(node, "workeroutput", {}).get(_VERSIONS, {})

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_VERSIONS] = self.versions
        if self.broken() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("real services")
        terminalreporter.line(self.summary())
        if self.broken():
            skipped = list(self._skipped)
            terminalreporter.line(f"FAILED: in CI no such test may be skipped, but {len(skipped)} were:", red=True)
            for line in skipped:
                terminalreporter.line(f"  {line}", red=True)

    def broken(self) -> bool:
        """Whether this is CI and a test of a real service was skipped."""
        return bool(self._skipped and os.environ.get("CI"))

    def summary(self) -> str:
        """Such as `real services: 34 tests used Apache Kafka 4.1.0, 21 Redis 7.0.15, 8 RTSP, 5 a browser`."""
        counts = [
            f"{len(self._ran[name])} {label} {self.versions.get(name, '')}".rstrip() for name, label in _LABELS.items()
        ]
        return "real services: " + ", ".join(counts).replace(" ", " tests used ", 1)


def pytest_configure(config: pytest.Config) -> None:
    """Start counting."""
    config.pluginmanager.register(RealServices(), "real-services")
