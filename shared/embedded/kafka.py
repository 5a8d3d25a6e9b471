"""Apache Kafka on this machine: one node, KRaft, as a child process with its own data folder."""

import os
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from shared.bus.kafka_settings import connection
from shared.embedded.kafka_jars import find_jars, find_java, kafka_home, kafka_version
from shared.embedded.process import DataFolder, ServerProcess, free_port, listens
from shared.exceptions import ConfigError

# Formatting takes 2 s and starting 4 s here; a loaded machine gets more.
_FORMAT_S = 60.0
_START_S = 90.0
# 512 MB are ample for one node with some hundred partitions; the pages of the log are the system's, not Java's.
# One collector thread and the quick compiler leave the cores to the pipeline and start in half the time.
_JAVA_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class LocalKafka:
    """A broker on a free loopback port. Topics and offsets in the data folder are there again at the next start.

    Raises:
        ConfigError: Java or Maven is missing, or Kafka does not start; one line with its reason.

    Example:
        >>> with LocalKafka(Path("data/kafka")) as broker:  # doctest: +SKIP
        ...     KafkaBus(broker.bootstrap)
    """

    def __init__(self, data_dir: Path) -> None:
        home, java = kafka_home(), find_java()
        jars = find_jars(home)
        self.version = kafka_version(jars)
        self._port = free_port()
        self.bootstrap = f"127.0.0.1:{self._port}"
        self._java = [java, *_JAVA_OPTIONS, f"-Dlog4j2.configurationFile={home / 'log4j2.yaml'}"]
        self._java += ["-cp", f"{jars}{os.sep}*"]
        self._folder = DataFolder(data_dir)
        try:
            self._process = self._start(home)
            self._process.wait_until(lambda: listens(self._port) and self._answers(), _START_S)
        except ConfigError:
            self._folder.release()
            raise
        self.pid_path = self._process.pid_path

    def _start(self, home: Path) -> ServerProcess:
        log_dir = self._folder.path / "log"
        template = Template((home / "server.properties").read_text())
        properties = self._folder.path / "server.properties"
        properties.write_text(template.substitute(port=self._port, controller_port=free_port(), log_dir=log_dir))
        if not (log_dir / "meta.properties").is_file():
            self._format(properties)
        return ServerProcess("kafka", [*self._java, "kafka.Kafka", properties], self._folder)

    def _format(self, properties: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*self._java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
        tool = ServerProcess("kafka-format", command, self._folder)
        status = tool.wait_for_end(_FORMAT_S)
        tool.stop()
        if status != 0:
            raise ConfigError(f"Kafka could not prepare {properties.parent}: {tool.last_words()} (see {tool.log_path})")

    def _answers(self) -> bool:
        """Whether the broker is registered and takes requests, not merely listening."""
        try:
            return bool(AdminClient(connection(self.bootstrap)).list_topics(timeout=2.0).brokers)
        except KafkaException:
            return False

    def stop(self) -> None:
        """Stop the broker; idempotent."""
        self._process.stop()
        self._folder.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
