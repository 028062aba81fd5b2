"""The embedded Apache Kafka: one KRaft node, broker and controller in one JVM, on loopback only.

`install` fetches the pinned jars once, `prepare` writes the configuration and formats the storage once, `command` is
the program to run, `answers` says whether it serves. Who runs the process, and its restarts, is not decided here.
Everything it keeps lies under `data/kafka`; it may be killed at any moment and started again on the same folder. That
folder may have any name: the program runs in it and knows relative paths only, because a comma in a path would part it,
and the JVM reads letters outside of ASCII by the locale.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.embedded.logins import Login, made_login
from infra.embedded.ports import HOST, PortTaken, free_port
from infra.errors import InfraError
from infra.log.cluster import client_config, embedded_cluster
from infra.secrets.private_files import replace_whole
from schemas.topics import PINGS

POM = Path(__file__).with_name("pom.xml")
BROKER_PROPERTIES = Path(__file__).with_name("broker.properties")
LOG4J = Path(__file__).with_name("log4j2.xml")

_OLDEST_JAVA = 17
_INSTALL_SECONDS = 600
_FORMAT_SECONDS = 60
_TRAIN_SECONDS = 30
# The broker makes this file when it has closed every log, and removes it at its start.
_STOPPED_WELL = ".kafka_cleanshutdown"
_CLASSES = "classes.jsa"
# How far back the log is searched for the last error, and what is told of it.
_LAST_BYTES, _LONGEST_ERROR = 65_536, 300
_IS_ERROR = re.compile(r"\S+ (?:ERROR|FATAL) ")
# Runs a program in a folder, as the same process. Java takes file names for UTF-8 then, whatever the locale.
_IN_FOLDER = 'cd "$0" && export LC_ALL=C.UTF-8 && exec "$@"'
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class MissingPrerequisite(InfraError):
    """Something that the embedded Kafka needs is not on this machine; the text says what to do, in one line."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what}: install the Debian package {package}, or set KAFKA_BOOTSTRAP_SERVERS to use an existing Kafka"
        )


class KafkaNotReady(InfraError):
    """The embedded Kafka could not be fetched or prepared: end with the message."""


def default_cache() -> Path:
    """`.cache/` beside pyproject.toml in a source tree, else the user's cache folder."""
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").exists():
        return root / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pingfold"


def jars_folder(cache: Path) -> Path:
    """Where the jars are, or will be: a new pom is a new folder, and a folder is complete or absent."""
    return cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def install(cache: Path) -> Path:
    """The folder with Kafka's jars, fetched by Maven if it is not there yet. Several processes may call it at once."""
    java()
    jars = jars_folder(cache)
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingPrerequisite("Maven (mvn) fetches Kafka's jars and was not found", "maven")
    cache.mkdir(parents=True, exist_ok=True)
    # Maven's own repository does not stand two that write to it, and one of them would fetch for nothing.
    with _alone(cache / "kafka.lock"):
        if not jars.is_dir():
            _fetch(maven, jars)
    return jars


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock file; it is free when its holder ends, however that is."""
    deadline = time.monotonic() + _INSTALL_SECONDS + _TRAIN_SECONDS
    with lock.open("w") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise KafkaNotReady(f"another process fetches Kafka's jars and does not end: {lock}") from None
                time.sleep(0.2)
        yield


def _fetch(maven: str, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix="kafka-fetch-") as draft:
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
        fetched.rename(jars)
    _archive_classes(jars)


@functools.cache
def java() -> str:
    """The Java program to use: `JAVA_HOME`'s or the one on the path, new enough for Kafka 4."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if program is None or not Path(program).exists():
        raise MissingPrerequisite("Java was not found", "default-jre-headless")
    version = java_version(program)
    if version is None or version < _OLDEST_JAVA:
        found = version or "unknown"
        raise MissingPrerequisite(f"Kafka needs Java {_OLDEST_JAVA} or newer, found {found}", "default-jre-headless")
    return program


def java_version(program: str) -> int | None:
    """The version of a Java program; None when it tells none."""
    found = re.search(r'version "(?:1\.)?(\d+)', _run([program, "-version"], 30).stderr)
    return int(found[1]) if found else None


def prepare(jars: Path, data: Path, port: int, controller_port: int, others: Sequence[Login] = ()) -> Login:
    """Write the configuration (at every start, so that it follows this code) and format the storage (once).

    The login of its clients, who may do everything; it is made when there is none yet. others: users who may do only
    what is granted to them.
    """
    login = made_login(data, "kafka")
    home = data.resolve() / "kafka"
    logs = home / "log"
    home.mkdir(parents=True, exist_ok=True)
    (home / "log4j2.xml").write_text(LOG4J.read_text())
    access = _access(login, others)
    _write_properties(home / "server.properties", logs.name, port, controller_port, access)
    _write_client_files(data, f"{HOST}:{port}", login)
    if logs.exists():
        return login
    # Formatted beside its place and then renamed, so that a kill half-way leaves nothing half formatted.
    draft = home / "log.new"
    shutil.rmtree(draft, ignore_errors=True)
    _write_properties(home / "format.properties", draft.name, port, controller_port, access)
    done = _run(
        [
            *_jvm(jars, home, "128m"), "kafka.tools.StorageTool", "format", "--standalone",
            "--cluster-id", _cluster_id(home), "--config", "format.properties",
        ],
        _FORMAT_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise KafkaNotReady(f"Kafka's storage could not be formatted: {_last_lines(done)}")
    (home / "format.properties").unlink()
    draft.rename(logs)
    return login


def command(jars: Path, data: Path, heap: str, *options: str) -> list[str]:
    """The program that serves what `prepare` has set up; SIGTERM stops it cleanly. options: of the JVM."""
    return [*_jvm(jars, data.resolve() / "kafka", heap, *options), "kafka.Kafka", "server.properties"]


def may_have_lost_ends(data: Path) -> bool:
    """Whether the broker of this data was not stopped in good order: killed, cut off, or copied while it ran.

    To be asked before it is started. False when it never ran.
    """
    logs = data / "kafka" / "log"
    return any(logs.glob(f"{PINGS}-*")) and not (logs / _STOPPED_WELL).exists()


def log_file(data: Path) -> Path:
    """The broker's own log."""
    return data / "kafka" / "logs" / "kafka.log"


def last_error(data: Path) -> str:
    """The newest error in the broker's log, with its time, and where that stands; only where, if there is none."""
    file, found = log_file(data), ""
    with contextlib.suppress(OSError), file.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
        for line in log.read().decode(errors="replace").splitlines():
            if _IS_ERROR.match(line):
                found = line[:_LONGEST_ERROR]
    return f"the last error in {file}: {found}" if found else f"its log is {file}"


def answers(bootstrap: str, seconds: float = 2.0) -> bool:
    """Whether the embedded broker serves requests and leads every partition."""
    port = int(bootstrap.rpartition(":")[2])
    with socket.socket() as probe:
        probe.settimeout(seconds)
        # Most often nothing listens yet; no need to wake a whole client for that.
        if probe.connect_ex((HOST, port)) != 0:
            return False
    client = AdminClient({**client_config(bootstrap), "log_level": 0, "socket.timeout.ms": 1000})
    try:
        found = client.list_topics(timeout=seconds)
    except KafkaException:
        return False
    led = (partition.leader >= 0 for topic in found.topics.values() for partition in topic.partitions.values())
    return bool(found.brokers) and all(led)


def _archive_classes(jars: Path) -> None:
    """Keep the classes that a broker loads as the JVM holds them in memory: later starts take half the CPU time.

    Only a matter of speed, so a failure is no error. The archive is valid for these very paths, hence made here.
    """
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix="kafka-train-") as scratch:
        data, draft = Path(scratch), Path(scratch, _CLASSES)
        try:
            port = free_port()
            login = prepare(jars, data, port, free_port(taken=frozenset({port})))
            bootstrap = embedded_cluster(f"{HOST}:{port}", login)
            with subprocess.Popen(
                command(jars, data, "256m", f"-XX:ArchiveClassesAtExit={draft}"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as broker:  # fmt: skip
                try:
                    deadline = time.monotonic() + _TRAIN_SECONDS
                    while not answers(bootstrap) and broker.poll() is None and time.monotonic() < deadline:
                        time.sleep(0.1)
                    broker.terminate()
                    ended = broker.wait(_TRAIN_SECONDS)
                finally:
                    broker.kill()
        except (KafkaNotReady, PortTaken, OSError, subprocess.TimeoutExpired):
            return
        # A JVM trusts what it maps: an archive that was cut short would crash it.
        if ended in (0, 128 + signal.SIGTERM) and draft.exists():
            draft.rename(jars / _CLASSES)


def _jvm(jars: Path, home: Path, heap: str, *options: str) -> list[str]:
    jars = jars.absolute()
    classes = jars / _CLASSES
    return [
        "/bin/sh", "-c", _IN_FOLDER, str(home),
        java(),
        *options,
        f"-Xms{heap}", f"-Xmx{heap}",
        # Measured on two shared cores at 10,000 messages/s: 40 % of a core against G1's 47 %, and a third less memory.
        "-XX:+UseSerialGC",
        *([f"-XX:SharedArchiveFile={classes}"] if classes.exists() else []),
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:ErrorFile=logs/crash-%p.log",
        "-Dlog4j2.configurationFile=log4j2.xml",
        "-Dkafka.logs.dir=logs",
        # In a fixed order, not as `*`: the archive of classes is valid for one class path only.
        "-cp", ":".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
    ]  # fmt: skip


def _access(login: Login, others: Sequence[Login]) -> str:
    """Who may log in, as properties."""
    users = " ".join(f'user_{one.user}="{one.password}"' for one in (login, *others))
    jaas = f'{_PLAIN} required username="{login.user}" password="{login.password}" {users};'
    return "".join(f"listener.name.{name}.plain.sasl.jaas.config={jaas}\n" for name in ("broker", "controller")) + (
        f"super.users=User:{login.user}\n"
    )


def _write_client_files(data: Path, address: str, login: Login) -> None:
    """What kcat and Kafka's console tools need: `kcat -F`, `--command-config` and the like."""
    kcat = {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": login.user,
        "sasl.password": login.password,
        # That of the Java tools and of Pingfold: the same key goes to the same partition.
        "partitioner": "murmur2_random",
    }
    tools = {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'{_PLAIN} required username="{login.user}" password="{login.password}";',
    }
    for name, content in (("kcat.conf", kcat), ("kafka-client.properties", tools)):
        text = "".join(f"{key}={value}\n" for key, value in content.items()).encode()
        file = data / name
        if not file.exists() or file.read_bytes() != text:
            replace_whole(file, text)


def _write_properties(file: Path, logs: str, port: int, controller_port: int, access: str) -> None:
    text = (
        BROKER_PROPERTIES.read_text()
        + f"log.dirs={logs}\n"
        + f"listeners=BROKER://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}\n"
        + f"advertised.listeners=BROKER://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}\n"
        + f"controller.quorum.bootstrap.servers={HOST}:{controller_port}\n"
        + access
    )
    replace_whole(file, text.encode())


def _cluster_id(home: Path) -> str:
    file = home / "cluster.id"
    # The tool takes an id that begins with a dash for an option. It is only asked for until the storage is formatted.
    while not file.exists() or file.read_text().startswith("-"):
        file.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    return file.read_text()


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise KafkaNotReady(f"{Path(command[0]).name} did not finish within {seconds:.0f} s") from late


def _last_lines(done: subprocess.CompletedProcess[str]) -> str:
    return " | ".join((done.stderr + done.stdout).strip().splitlines()[-3:]) or f"exit code {done.returncode}"
