"""HTTP servers for Python in one run: the same application that only answers, on uvicorn, ours, hypercorn and granian.

`python -m bench.http_servers` prints JSON: requests a second and processor time of a server process, for HTTP/1.1 (wrk
where it is installed, else a small client of sockets) and for HTTP/2 by prior knowledge (a client on h2, whose own cost
bounds what it can show: compare the processor time). Servers are asked in turn, round after round; the best one counts.
`ours` is what the web process runs. hypercorn and granian are installed by whoever measures; else they are left out.
"""

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from bench.http_clients import over_http_1, over_http_2

_ROUNDS, _SECONDS = 3, 4.0
PATH = "/ping/01234567-89ab-cdef-0123-456789abcdef"


async def app(scope: Any, _receive: Any, send: Any) -> None:
    """Answers what a good ping is answered."""
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"OK"})


def _serve(kind: str, port: int) -> None:
    if kind == "ours":
        import uvloop

        from infra.http_server.connection_limiter import ConnectionLimiter
        from infra.http_server.listening import bind
        from infra.http_server.serve import serve
        from infra.process.lifecycle import Stop

        uvloop.run(serve(app, [bind("127.0.0.1", port)], ConnectionLimiter(), Stop()))
    elif kind == "uvicorn":
        import uvicorn

        uvicorn.run(app, port=port, log_level="error", access_log=False, http="httptools", loop="uvloop")
    elif kind == "hypercorn":
        import uvloop
        from hypercorn.asyncio import serve as serve_hypercorn
        from hypercorn.config import Config

        config = Config()
        config.bind, config.loglevel = [f"127.0.0.1:{port}"], "ERROR"
        config.keep_alive_max_requests = 10**9  # else it ends a connection after a thousand
        uvloop.run(serve_hypercorn(app, config))
    else:
        from granian import Granian
        from granian.constants import Interfaces

        Granian("bench.http_servers:app", port=port, interface=Interfaces.ASGI, log_enabled=False).serve()


@contextmanager
def _running(kind: str) -> Any:
    """A server in a process group of its own: its port, and a function that tells its processor time in seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "bench.http_servers", kind, str(port)], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield port, lambda: _used(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _used(group: int) -> float:
    """Processor time of all processes of a group."""
    ticks = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _measure(ask: Callable[[int, str, float], int], kind: str) -> dict[str, float]:
    with _running(kind) as (port, used):
        ask(port, PATH, 0.5)
        before, began = used(), time.monotonic()
        answered = ask(port, PATH, _SECONDS)
        seconds = time.monotonic() - began
        return {
            "requests_per_second": round(answered / seconds),
            "server_micros": round((used() - before) / max(1, answered) * 1e6, 1),
        }


def measure() -> dict[str, dict[str, dict[str, float]]]:
    """Of each protocol and server: the round with the most requests."""
    kinds = ["ours", "uvicorn", *(name for name in ("hypercorn", "granian") if importlib.util.find_spec(name))]
    best: dict[str, dict[str, dict[str, float]]] = {"http_1_1": {}, "http_2": {}}
    for _ in range(_ROUNDS):
        for protocol, ask in (("http_1_1", over_http_1), ("http_2", over_http_2)):
            for kind in kinds:
                if protocol == "http_2" and kind == "uvicorn":
                    continue  # it speaks none
                found = _measure(ask, kind)
                known = best[protocol].get(kind)
                if known is None or found["requests_per_second"] > known["requests_per_second"]:
                    best[protocol][kind] = found
    return best


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.set_event_loop_policy(None)
        _serve(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(measure(), indent=2))
