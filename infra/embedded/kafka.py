"""The embedded Apache Kafka: one KRaft node, broker and controller in one JVM, on loopback only.

`install` fetches the pinned jars once, `prepare` writes the configuration and formats the storage once, `command` is the
program to run, `answers` says whether it serves. Who runs the process, and its restarts, is not decided here.
Everything it keeps lies under `data/kafka`; it may be killed at any moment and started again on the same folder.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.embedded.ports import HOST

POM = Path(__file__).with_name("pom.xml")
BROKER_PROPERTIES = Path(__file__).with_name("broker.properties")
LOG4J = Path(__file__).with_name("log4j2.xml")

_OLDEST_JAVA = 17
_INSTALL_SECONDS = 600
_FORMAT_SECONDS = 60


class MissingPrerequisite(Exception):
    """Something that the embedded Kafka needs is not on this machine; the text says what to do, in one line."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what}: install the Debian package {package}, or set KAFKA_BOOTSTRAP_SERVERS to use an existing Kafka"
        )


class KafkaNotReady(Exception):
    """The embedded Kafka could not be fetched or prepared."""


def default_cache() -> Path:
    """`.cache/` beside pyproject.toml in a source tree, else the user's cache folder."""
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").exists():
        return root / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pingfold"


def install(cache: Path) -> Path:
    """The folder with Kafka's jars, fetched by Maven if it is not there yet. Several processes may call it at once."""
    java()
    # The folder's name carries the pom's digest: a new pom is a new folder, and a folder is complete or absent.
    jars = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingPrerequisite("Maven (mvn) fetches Kafka's jars and was not found", "maven")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-fetch-") as draft:
        fetched = Path(draft, "jars")
        done = _run(
            [
                maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies",
                f"-DoutputDirectory={fetched}", "-DincludeScope=runtime",
            ],
            _INSTALL_SECONDS,
        )  # fmt: skip
        if done.returncode != 0 or not any(fetched.glob("kafka_*.jar")):
            raise KafkaNotReady(f"Maven could not fetch Kafka's jars: {_last_lines(done)}")
        try:
            fetched.rename(jars)
        except OSError:
            # Another process was first: its folder is as good as ours.
            if not jars.is_dir():
                raise
    return jars


def java() -> str:
    """The Java program to use: `JAVA_HOME`'s or the one on the path, new enough for Kafka 4."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if program is None or not Path(program).exists():
        raise MissingPrerequisite("Java was not found", "openjdk-17-jre-headless")
    said = _run([program, "-version"], 30)
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        found = version[1] if version else "unknown"
        raise MissingPrerequisite(f"Kafka needs Java {_OLDEST_JAVA} or newer, found {found}", "openjdk-17-jre-headless")
    return program


def prepare(jars: Path, data: Path, port: int, controller_port: int) -> None:
    """Write the configuration (at every start, so that it follows this code) and format the storage (once)."""
    home = data.resolve() / "kafka"
    logs = home / "log"
    home.mkdir(parents=True, exist_ok=True)
    (home / "log4j2.xml").write_text(LOG4J.read_text())
    _write_properties(home / "server.properties", logs, port, controller_port)
    if logs.exists():
        return
    # Formatted beside its place and then renamed, so that a kill half-way leaves nothing half formatted.
    draft = home / "log.new"
    shutil.rmtree(draft, ignore_errors=True)
    _write_properties(home / "format.properties", draft, port, controller_port)
    done = _run(
        [
            *_jvm(jars, home, "128m"), "kafka.tools.StorageTool", "format", "--standalone",
            "--cluster-id", _cluster_id(home), "--config", str(home / "format.properties"),
        ],
        _FORMAT_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise KafkaNotReady(f"Kafka's storage could not be formatted: {_last_lines(done)}")
    draft.rename(logs)


def command(jars: Path, data: Path, heap: str) -> list[str]:
    """The program that serves what `prepare` has set up; SIGTERM stops it cleanly."""
    home = data.resolve() / "kafka"
    return [*_jvm(jars, home, heap), "kafka.Kafka", str(home / "server.properties")]


def answers(port: int, seconds: float = 2.0) -> bool:
    """Whether the broker on this loopback port serves requests and has joined its own cluster."""
    client = AdminClient({"bootstrap.servers": f"{HOST}:{port}", "log_level": 0, "socket.timeout.ms": 1000})
    try:
        return bool(client.list_topics(timeout=seconds).brokers)
    except KafkaException:
        return False


def _jvm(jars: Path, home: Path, heap: str) -> list[str]:
    return [
        java(), f"-Xms{heap}", f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={home / 'log4j2.xml'}",
        f"-Dkafka.logs.dir={home / 'logs'}",
        "-cp", f"{jars}/*",
    ]  # fmt: skip


def _write_properties(file: Path, logs: Path, port: int, controller_port: int) -> None:
    file.write_text(
        BROKER_PROPERTIES.read_text()
        + f"log.dirs={logs}\n"
        + f"listeners=BROKER://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}\n"
        + f"advertised.listeners=BROKER://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}\n"
        + f"controller.quorum.bootstrap.servers={HOST}:{controller_port}\n"
    )


def _cluster_id(home: Path) -> str:
    file = home / "cluster.id"
    if not file.exists():
        file.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    return file.read_text()


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise KafkaNotReady(f"{Path(command[0]).name} did not finish within {seconds:.0f} s") from late


def _last_lines(done: subprocess.CompletedProcess[str]) -> str:
    return " | ".join((done.stderr + done.stdout).strip().splitlines()[-3:]) or f"exit code {done.returncode}"
