"""Real servers and shared material for the tests; each server starts once, when the first test asks for it."""

import faulthandler
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog

from shared.embedded.kafka import LocalKafka
from shared.embedded.kafka_jars import find_jars, find_java, kafka_home
from shared.embedded.redis import LocalRedis, find_server
from shared.exceptions import ConfigError

# As `services/__init__.py` does, for test modules that import torch first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

pytest_plugins = ["tests.plugins.real_services"]

SHARED = Path(__file__).resolve().parents[2] / "shared"
# An interpreter that does not end by then is held by a thread; its stacks say which.
_END_S = 120


def pytest_unconfigure() -> None:
    """A run that is over ends, and fails loudly where it would hang."""
    faulthandler.dump_traceback_later(_END_S, exit=True, file=sys.__stderr__)


@pytest.fixture(autouse=True)
def _logs_of_a_command_end_with_it() -> Iterator[None]:
    """A command that a test calls in this process logs to the stream that it was given, which is closed afterwards."""
    yield
    structlog.reset_defaults()
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, "closed", False):
            logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="session")
def versions(pytestconfig: pytest.Config) -> dict[str, str]:
    """The versions that the summary of the run shows."""
    return pytestconfig.pluginmanager.get_plugin("real-services").versions


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The folder of Kafka's jars, for tests that start a broker themselves."""
    try:
        find_java()
        return find_jars(kafka_home())
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path, versions: dict[str, str]) -> Iterator[str]:
    """HOST:PORT of a real Apache Kafka; use topic and group names of your own."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        versions["kafka"] = broker.version
        yield broker.bootstrap


@pytest.fixture
def own_kafka(tmp_path: Path, kafka_jars: Path, versions: dict[str, str]) -> Iterator[str]:
    """HOST:PORT of a real Apache Kafka for this test alone."""
    with LocalKafka(tmp_path / "own-kafka") as broker:
        versions["kafka"] = broker.version
        yield broker.bootstrap


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory, versions: dict[str, str]) -> Iterator[str]:
    """URL of a real Redis, flushed before each test that uses it."""
    try:
        find_server()
    except ConfigError as error:
        pytest.skip(str(error))
    with LocalRedis(tmp_path_factory.mktemp("redis")) as server:
        client = redis.Redis.from_url(server.url)
        versions["redis"] = client.info("server")["redis_version"]
        client.close()
        yield server.url


@pytest.fixture(autouse=True)
def _flush_redis(request: pytest.FixtureRequest) -> None:
    if "redis_url" in request.fixturenames:
        client = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        client.flushall()
        client.close()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of clips, models and data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared material at {SHARED}")
    return SHARED
