"""A Pingfold to measure: one of our own in a temporary folder on free ports, or one that runs already (`--url`).

One that runs already must be on this machine, with its data folder in `PINGFOLD_DATA`: keys, Kafka's address and the
process ids come from there. The settings of our own are the defaults, but for what a measurement says.
"""

import contextlib
import os
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from bench.processes import is_running, module, spawn, stop, wait_until
from bench.report import say
from infra.embedded.ports import HOST, free_port
from infra.settings.settings import Settings
from pingfold.credentials import Credentials, load, path_of

_READY_SECONDS = 120.0
_STOP_SECONDS = 20.0
_OURS = ("PINGFOLD_", "KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "PROMETHEUS_MULTIPROC_DIR")


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment without anybody's settings of Pingfold, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)} | dict(settings)


class Stack:
    """A Pingfold. `url` None: ours, to be started; its processes are told `settings` as environment variables."""

    def __init__(self, folder: Path, url: str | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.ours = url is None
        self._settings = dict(settings or {})
        if url is None:
            self.data, port = folder / "data", free_port()
            self.url = f"http://{HOST}:{port}"
            self._settings |= {
                "PINGFOLD_DATA": str(self.data),
                "PINGFOLD_PORT": str(port),
                "PINGFOLD_PRIVATE_TARGETS": "127.0.0.0/8",
                "PINGFOLD_RDAP": "none",
            }
        else:
            self.url, self.data = url.rstrip("/"), Settings().data.resolve()
        self.output = folder / "pingfold.out"
        self.process: subprocess.Popen[str] | None = None
        self.http = httpx.Client(timeout=30.0, trust_env=False, base_url=self.url)
        self.offset = 0.0

    # ---- life

    def start(self) -> float:
        """Start everything and wait until it is ready; the seconds from the command to the answer of /readyz."""
        began = time.monotonic()
        self.process = spawn(
            *module("pingfold", "up"), environment=clean_environment(self._settings), output=self.output
        )
        wait_until(self._is_ready, _READY_SECONDS, "/readyz answers 200", pause=0.02)
        return time.monotonic() - began

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"Pingfold has ended with status {self.process.returncode}:\n{self.tail()}")
        try:
            return self.http.get("/readyz", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stop it as Ctrl-C does; what does not stop is killed. One that ran before us goes on."""
        if self.process is None:
            return
        pids = self.pids()
        process, self.process = self.process, None
        stop(process, _STOP_SECONDS)
        for pid in pids.values():
            if is_running(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """SIGKILL of the supervisor and of every role at once: what a power cut leaves."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGSTOP)  # or it would start again what is killed
        pids = self.pids()
        process, self.process = self.process, None
        for pid in pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10.0)
        wait_until(lambda: not any(map(is_running, pids.values())), 10.0, "every process is gone")

    def tail(self, lines: int = 40) -> str:
        """What its processes said last."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-lines:]) if self.output.exists() else ""

    # ---- looking at it

    @property
    def credentials(self) -> Credentials:
        return load(path_of(Settings(data=self.data)))

    def pids(self) -> dict[str, int]:
        """The process id of every role, and of the supervisor when it is ours."""
        found = {} if self.process is None else {"supervisor": self.process.pid}
        for file in sorted((self.data / "run").glob("*.pid")):
            with contextlib.suppress(FileNotFoundError, ValueError):
                found[file.stem] = int(file.read_text())
        return found

    def metrics(self) -> dict[tuple[str, ...], float]:
        """The figures of all processes: name, then the values of its labels in the order of their names."""
        return read_metrics(self.data / "run" / "metrics")

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the Management API, `path` below /api/v3; its answer must be good."""
        headers = {"X-Api-Key": self.credentials.healthchecks_key}
        answer = self.http.request(method, f"/api/v3{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def channel(self, url: str, *events: str, kind: str = "webhook") -> str:
        """Make a channel of a kind with a URL that takes these events; its id."""
        return str(self.api("POST", "/channels/", {"kind": kind, "url": url, "events": events})["id"])

    def move_clock(self, seconds: float) -> None:
        """Move Pingfold's clock on, from its next ticks (only ours, started with the test clock)."""
        self.offset += seconds
        draft = self.data / "clock.new"
        draft.write_text(repr(self.offset))
        draft.replace(self.data / "clock")


def read_metrics(folder: Path) -> dict[tuple[str, ...], float]:
    """What the processes that share a metrics folder have told, without asking any of them."""
    collector = MultiProcessCollector(CollectorRegistry(), path=str(folder))  # type: ignore[no-untyped-call]
    try:
        found: list[Metric] = list(collector.collect())  # type: ignore[no-untyped-call]
    except (struct.error, ValueError, OSError):  # a process that starts has made its file and not yet filled it
        return {}
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for metric in found
        for sample in metric.samples
    }


@contextlib.contextmanager
def pingfold(url: str | None = None, **settings: str) -> Iterator[Stack]:
    """A Pingfold that is ready: that at `url`, or one of our own, which is stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), url, settings)
        try:
            if stack.ours:
                say(f"Pingfold is ready at {stack.url} after {stack.start():.1f} s")
            yield stack
        except BaseException:
            if stack.ours:
                say(f"what Pingfold said last:\n{stack.tail()}")
            raise
        finally:
            stack.http.close()
            stack.stop()
