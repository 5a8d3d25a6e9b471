"""Where Apache Kafka's jars and settings are, and how to get the jars."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from shared.exceptions import ConfigError

_ROOT = Path(__file__).resolve().parents[2]
# 43 MB of jars; a slow line gets 10 minutes.
_FETCH_S = 600.0


def kafka_home() -> Path:
    """The folder with pom.xml, server.properties and libs/: `WAYSIDE_KAFKA_HOME`, or deploy/kafka of the checkout.

    Raises:
        ConfigError: it is not there.
    """
    named = os.environ.get("WAYSIDE_KAFKA_HOME")
    home = Path(named) if named else _ROOT / "deploy" / "kafka"
    if not (home / "server.properties").is_file():
        raise ConfigError(f"no Kafka set-up in {home}: set WAYSIDE_KAFKA_HOME to deploy/kafka of a checkout of Wayside")
    return home


def find_java() -> str:
    """The java program (Kafka 4 needs Java 17 or later).

    Raises:
        ConfigError: it is not on PATH.
    """
    return _program("java", "a Java runtime, 17 or later")


def find_jars(home: Path) -> Path:
    """The folder of jars, fetched by Maven at the first use; safe to call from several processes at once.

    Raises:
        ConfigError: Maven is missing or failed.
    """
    jars = home / "libs"
    if jars.is_dir():
        return jars
    try:
        with (home / "pom.xml").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not jars.is_dir():  # another process may have fetched them meanwhile
                _fetch(home, jars)
    except OSError as error:
        raise ConfigError(f"Kafka's jars cannot be stored in {home}: {error.strerror}") from None
    return jars


def kafka_version(jars: Path) -> str:
    """Such as 4.1.0, from the name of the server's jar."""
    names = (re.fullmatch(r"kafka-server-([\d.]+)\.jar", jar.name) for jar in jars.glob("*.jar"))
    return next((match[1] for match in names if match), "of unknown version")


def _fetch(home: Path, jars: Path) -> None:
    maven = _program("mvn", "Apache Maven, which fetches Kafka's jars once")
    partial = home / "libs.partial"
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(home / "pom.xml"), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, "-DincludeScope=runtime", f"-DoutputDirectory={partial.resolve()}"],
            capture_output=True,
            text=True,
            timeout=_FETCH_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"Maven did not fetch Kafka's jars within {_FETCH_S:.0f} s") from None
    if done.returncode != 0 or not any(partial.glob("kafka-server-*.jar")):
        shutil.rmtree(partial, ignore_errors=True)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["no output"]
        raise ConfigError(f"Maven could not fetch Kafka's jars: {lines[0][:300]}")
    partial.rename(jars)


def _program(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"{name} not found: `--kafka local` needs {what}; without it, name a broker with HOST:PORT")
    return found


def main() -> int:
    """`make kafka`: fetch the jars ahead of their first use."""
    try:
        find_jars(kafka_home())
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
