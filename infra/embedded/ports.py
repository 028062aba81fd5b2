"""The loopback ports of the embedded servers: chosen at the first start, kept in `data/ports.json` ever after.

They must stay the same, because clients, operators and Kafka's own controller quorum remember them. They are taken
from below the range from which the kernel gives ports to outgoing connections: within it, a client that keeps trying
to reach a stopped server can be given the server's own port, connect to itself, and keep the server from starting.
"""

import json
import random
import socket
from pathlib import Path

from infra.errors import InfraError
from infra.process.whole_files import replace_file

HOST = "127.0.0.1"
_FILE = "ports.json"
# Servers whose port may be given by a setting.
SETTABLE = ("kafka", "clickhouse")
_LOWEST = 15_000
_LOCAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class PortTaken(InfraError):
    """A remembered or configured port is in use by another program: end with the message."""


def remembered(data: Path, name: str, wanted: int = 0) -> int:
    """The port of server `name`: `wanted` if it is not 0, else the one chosen at the first start, else a free one.

    Raises `PortTaken` when it is in use. Call it just before the server is started.
    """
    file, known = data / _FILE, chosen(data)
    port = wanted or known.get(name) or free_port(taken=frozenset(known.values()))
    if not is_free(port):
        setting = f"PINGFOLD_{name.upper()}_PORT"
        where = f"given by {setting}" if wanted else f"kept in {file}"
        what = "stop that program" + ("" if name not in SETTABLE else f", or set {setting}")
        raise PortTaken(f"port {port} of the embedded {name} ({where}) is taken by another program: {what}")
    if known.get(name) != port:
        data.mkdir(parents=True, exist_ok=True)
        replace_file(file, json.dumps({**known, name: port}, indent=2) + "\n")
    return port


def chosen(data: Path) -> dict[str, int]:
    """The ports that were chosen at the first start, by the name of the server."""
    file = data / _FILE
    return dict(json.loads(file.read_bytes())) if file.exists() else {}


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A loopback port on which nothing listens, none of `taken`."""
    highest = _first_outgoing_port() - 1
    for _ in range(200):
        port = random.randint(_LOWEST, highest)
        if port not in taken and is_free(port):
            return port
    raise PortTaken(f"no free port found between {_LOWEST} and {highest}")


def _first_outgoing_port() -> int:
    try:
        first = int(_LOCAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 0
    # A kernel set up to give out nearly every port leaves no room below: then any port must do.
    return first if first > _LOWEST + 1_000 else 60_000


def is_free(port: int) -> bool:
    """Whether a server could have this port of loopback now."""
    with socket.socket() as probe:
        # As the servers do: a port whose last connections are only winding down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
