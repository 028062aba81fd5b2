"""The real embedded Kafka and ClickHouse as processes that a test may stop, kill and start again.

Every wait is bounded. A server ends with the test run, also when the run itself is killed.
"""

import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded import kafka
from infra.embedded.logins import ANALYST, Login, login_file, made_analyst_login, made_login
from infra.embedded.ports import HOST, remembered
from infra.log.cluster import embedded_cluster, prefix_of, security_of
from pingfold.addresses import clickhouse_url

_START_SECONDS = 180.0
_STOP_SECONDS = 60.0
# For a broker that no test kills. With the short session of those that are, it loses its partitions for a moment
# whenever the machine leaves it no processor for 1.5 s.
NEVER_KILLED = "broker.session.timeout.ms=20000\n"


@dataclass
class Server:
    """One running server: `address` is what clients are given; it stays the same over restarts."""

    name: str
    address: str
    command: list[str]
    answers: Callable[[], bool]
    output: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it serves."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*_dies_with_us(), *self.command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.name} did not start: {self.output.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an operator would (SIGTERM); harmless when it has ended already."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not stop within {_STOP_SECONDS:.0f} s") from None

    def kill(self) -> None:
        """SIGKILL: what a power cut leaves of a process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same data and address."""
        self.stop()
        self.start()


def start_kafka(data: Path, heap: str = "384m", others: Sequence[Login] = (), more: str = "") -> Server:
    """A Kafka that keeps its data under `data/kafka`; `address` is a `Cluster`.

    others: users who may do little. more: properties of the broker besides, and instead of, those that it always has.
    """
    data.mkdir(parents=True, exist_ok=True)
    jars = kafka.install(kafka.default_cache())
    port, controller_port = remembered(data, "kafka"), remembered(data, "kafka-controller")
    cluster = embedded_cluster(f"{HOST}:{port}", kafka.prepare(jars, data, port, controller_port, others))
    with (data / "kafka" / "server.properties").open("a") as properties:
        properties.write(more)
    return Server(
        name="kafka",
        address=cluster,
        command=kafka.command(jars, data, heap),
        answers=lambda: kafka.answers(cluster),
        output=data / "kafka.out",
    )


def environment_of(bootstrap: str) -> dict[str, str]:
    """How another process is told of a Kafka: settings, as for an existing one."""
    security = {f"PINGFOLD_KAFKA_{name.replace('.', '_').upper()}": v for name, v in security_of(bootstrap).items()}
    return {"KAFKA_BOOTSTRAP_SERVERS": str(bootstrap), "PINGFOLD_KAFKA_PREFIX": prefix_of(bootstrap), **security}


def start_clickhouse(data: Path) -> Server:
    """A ClickHouse that keeps its data under `data/clickhouse`; `address` is its URL, with user and password."""
    data.mkdir(parents=True, exist_ok=True)
    port = remembered(data, "clickhouse")
    url = f"http://{HOST}:{port}"
    made_analyst_login(data)
    return Server(
        name="clickhouse",
        address=clickhouse_url(f"{HOST}:{port}", made_login(data, "clickhouse")),
        command=[
            sys.executable, "-m", "infra.embedded.clickhouse",
            "--data", str(data / "clickhouse"), "--port", str(port), "--login", str(login_file(data, "clickhouse")),
            "--analyst", str(login_file(data, ANALYST)),
        ],
        answers=lambda: _pings(url),
        output=data / "clickhouse.out",
    )  # fmt: skip


def _pings(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _dies_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
