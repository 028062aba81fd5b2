"""What `pingfold up` claims before it starts anything: its data folder and its ports. A refusal is one line."""

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.embedded import ports
from infra.http_server.listening import bind, check_free
from infra.process.process_identity import process_identity
from infra.secrets.private_files import private_folder
from infra.settings.settings import Settings
from pingfold.errors import PingfoldError
from pingfold.roles.listeners import TLS_LISTEN, certificates_of

# A killed supervisor's roles are told by the kernel to end; so long they may take.
_FORMER_SECONDS = 10.0
_DNS = "PINGFOLD_DNS_LISTEN"


class CannotStart(PingfoldError):
    """Pingfold cannot start; the message says why."""


@contextmanager
def data_folder(settings: Settings) -> Iterator[None]:
    """Hold the data folder, against another `pingfold up`. Raises `CannotStart`."""
    path = settings.data / "lock"
    try:
        private_folder(settings.data)
        lock = path.open("a+")
    except OSError as error:
        raise CannotStart(
            f"cannot use the data folder {settings.data} ({error.strerror}); set PINGFOLD_DATA"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read(20).strip()
            who = f"another Pingfold (process {holder})" if holder else "another Pingfold"
            raise CannotStart(f"{who} runs on {settings.data}: stop it, or set PINGFOLD_DATA") from None
        with suppress(OSError):  # on a full disk nobody can read who holds it
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield


def claim_ports(settings: Settings) -> None:
    """Make sure that every server can have its port, and that there is a certificate where one is set.

    Raises `CannotListen`, `CannotServeTls`, `PortTaken` or `CannotStart`.
    """
    check_distinct_ports(settings)
    certificates_of(settings)
    check_listeners(settings)
    if settings.kafka_bootstrap_servers is None:
        ports.remembered(settings.data, "kafka", settings.kafka_port)
        ports.remembered(settings.data, "kafka-controller")
    if settings.clickhouse_url is None:
        ports.remembered(settings.data, "clickhouse", settings.clickhouse_port)


def check_listeners(settings: Settings) -> None:
    """Raise `CannotListen` when the web process or the DNS server could not listen now."""
    both = all(":" in host for host in settings.hosts)
    for host in settings.hosts:
        check_free(host, settings.port, "PINGFOLD_PORT", both=both)
    both = all(":" in host for host, _ in settings.tls_addresses)
    for host, port in settings.tls_addresses:
        check_free(host, port, TLS_LISTEN, TLS_LISTEN, both=both)
    if settings.dns_zone is not None:
        for host, port in settings.dns_listen:
            check_free(host, port, _DNS, _DNS)
            bind(host, port, _DNS, _DNS, socket.SOCK_DGRAM).close()


def check_distinct_ports(settings: Settings) -> None:
    """Raise `CannotStart` when two settings name the same port."""
    given = [("PINGFOLD_PORT", settings.port)]
    given += [(TLS_LISTEN, port) for port in sorted({port for _, port in settings.tls_addresses})]
    if settings.dns_zone is not None:
        given += [(_DNS, port) for port in sorted({port for _, port in settings.dns_listen})]
    if settings.kafka_bootstrap_servers is None:
        given.append(("PINGFOLD_KAFKA_PORT", settings.kafka_port))
    if settings.clickhouse_url is None:
        given.append(("PINGFOLD_CLICKHOUSE_PORT", settings.clickhouse_port))
    taken: dict[int, str] = {}
    for setting, port in given:
        if port and port in taken:
            raise CannotStart(f"{taken[port]} and {setting} name the same port, {port}; set another one")
        taken[port] = setting


def end_former_roles(data: Path, say: Callable[[str, str], None]) -> None:
    """Roles of a supervisor that was killed still hold their ports: let them end, and kill those that do not."""
    deadline = time.monotonic() + _FORMER_SECONDS
    while (left := _left_behind(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid, role in left.items():
        say("pingfold", f"{role} (process {pid}) was left behind by a former run: killed")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while left and _left_behind(data) and time.monotonic() < deadline + _FORMER_SECONDS:
        time.sleep(0.1)


def _left_behind(data: Path) -> dict[int, str]:
    """The roles of this data folder that a former supervisor started and that still run, by their process ids.

    A number that was written down may be anybody's by now: after a reboot, or when the process ended long ago. A role
    is known by what only a supervisor gives it (the data folder and the name of a run), and by when it began.
    """
    births = _births(data / "run" / "supervisor.json")
    found = {}
    for file in (data / "run").glob("*.pid"):
        try:
            pid = int(file.read_text())
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        known = births.get((file.stem, pid))
        is_role = os.fsencode(f"PINGFOLD_DATA={data.resolve()}") in environment and any(
            line.startswith(b"PINGFOLD_INSTANCE=") and not line.endswith(b"=") for line in environment
        )
        if pid != os.getpid() and is_role and (known is None or known == process_identity(pid)):
            found[pid] = file.stem
    return found


def _births(report: Path) -> dict[tuple[str, int], str]:
    """When the roles began that the last supervisor knew of, by role and process id."""
    try:
        roles = json.loads(report.read_bytes())["roles"]
        return {(role, known["pid"]): known["birth"] for role, known in roles.items() if known.get("birth")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
