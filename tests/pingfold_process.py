"""A whole Pingfold as real processes that a test may stop, kill, freeze, move in time and start again.

Nothing here sleeps for its own sake: every wait is for a condition and bounded, and a wait that ends in vain says what
it waited for. All of it ends with the test run, also when the run itself is killed.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from infra.embedded.ports import HOST, free_port
from pingfold import metrics_folder
from schemas.base import SECOND, Micros
from tests.pingfold_client import PingfoldClient, wait_until

_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0  # every role stops within 10 s
_FOLDS = ("projects", "checks", "monitors", "deliveries")
_PARTITION_TIME = re.compile(r'^pingfold_partition_time_seconds\{fold="(\w+)",partition="(\d+)"\} (\S+)$', re.MULTILINE)


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Pingfold(PingfoldClient):
    """`python -m pingfold up` on a data folder and a port of its own.

    `settings`: further environment variables; they may be changed between a stop and a start. `output`: what all
    processes have said, over all starts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        pings_per_minute: int = 0,
        partitions: int = 8,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.workers = free_port(), workers
        data = folder / "data"
        given = {
            "PINGFOLD_DATA": str(data),
            "PINGFOLD_PORT": str(self.port),
            "PINGFOLD_WORKERS": str(workers),
            "PINGFOLD_PARTITIONS": str(partitions),
            "PINGFOLD_PINGS_PER_MINUTE": str(pings_per_minute),
            "PINGFOLD_PRIVATE_TARGETS": "127.0.0.0/8",
            "PINGFOLD_RDAP": "none",
            "PINGFOLD_CONTROL_TARGETS": "none",
            "PINGFOLD_TEST_CLOCK": "1",
            **(settings or {}),
        }
        super().__init__(data, folder / "pingfold.out", f"http://{HOST}:{self.port}", partitions, given)
        self.offset, self._nudged = 0.0, 0.0
        self._process: subprocess.Popen[bytes] | None = None

    # ---- the processes

    def start(self) -> float:
        """Start everything and wait until it is ready; the seconds that it took."""
        self.read_anew()
        began = time.monotonic()
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*_dies_with_us(), sys.executable, "-m", "pingfold", "up"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(),
            )
        try:
            self.wait_ready()
        except BaseException:
            self.kill_everything()
            raise
        return time.monotonic() - began

    @property
    def is_started(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def wait_ready(self, timeout: float = _READY_SECONDS) -> None:
        """Wait until `/readyz` says so; fails at once when the supervisor has ended."""

        try:
            wait_until(lambda: self.answers("/readyz"), timeout, "/readyz answers 200", pause=0.1)
        except AssertionError as error:
            with contextlib.suppress(httpx.HTTPError):
                error.add_note(self.get("/readyz").text)
            raise

    def wait_working(self, timeout: float = _READY_SECONDS) -> None:
        """Wait until everything is folded up to now, give or take a few ticks.

        After a step of the clock this is known seconds sooner than by `/readyz`, which looks at committed times.
        """
        wait_until(
            lambda: self.answers("/healthz") and self._is_past(self.now - 5 * SECOND),
            timeout,
            "every partition is folded up to now",
            pause=0.2,
        )

    def answers(self, path: str) -> bool:
        process = self._process
        assert process is not None
        assert process.poll() is None, f"pingfold up has ended with {process.returncode}:\n{self.tail()}"
        with contextlib.suppress(httpx.HTTPError):
            return self.get(path).status_code == 200
        return False

    @property
    def supervisor(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pid(self, role: str, slot: int = 0) -> int:
        """The process id of a role, from its file; waits a moment for one that is being started."""

        def read() -> int:
            try:
                pid = int((self.data / "run" / f"{role}-{slot}.pid").read_text())
            except (FileNotFoundError, ValueError):
                return 0
            return pid if is_running(pid) else 0

        return wait_until(read, 60.0, f"{role}-{slot} runs")

    def pids(self) -> dict[str, int]:
        """Every role that has a process id file now."""
        found = {}
        for file in (self.data / "run").glob("*.pid"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                found[file.stem] = int(file.read_text())
        return found

    def kill(self, role: str, slot: int = 0, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a role; its process id."""
        pid = self.pid(role, slot)
        os.kill(pid, number)
        if role == "kafka":
            self.read_anew()
        return pid

    def kill_and_wait(self, role: str, slot: int = 0, timeout: float = 90.0) -> None:
        """SIGKILL a role, and wait until the supervisor has started it again (not: until it serves)."""
        before = self.kill(role, slot)
        wait_until(lambda: self.pid(role, slot) != before, timeout, f"{role}-{slot} is started again")

    @contextlib.contextmanager
    def frozen(self, role: str, slot: int = 0) -> Iterator[int]:
        """A role stands still (SIGSTOP) as long as the body runs."""
        pid = self.kill(role, slot, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def down(self, role: str, slot: int = 0) -> Iterator[None]:
        """A role that was stopped cleanly (SIGTERM) is not there as long as the body runs."""
        os.kill(self.supervisor, signal.SIGSTOP)  # or it would start the role again
        try:
            pid = self.kill(role, slot, signal.SIGTERM)
            wait_until(lambda: not is_running(pid), 10.0, f"{role}-{slot} ends")
            yield
        finally:
            os.kill(self.supervisor, signal.SIGCONT)

    @contextlib.contextmanager
    def beside(self, *role: str, **settings: str) -> Iterator[None]:
        """A role of its own (`pingfold ROLE ...`), with these settings on top, runs as long as the body."""
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [*_dies_with_us(), sys.executable, "-m", "pingfold", *role],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment() | settings,
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self) -> float:
        """Stop as Ctrl-C does; the seconds that it took. Fails when it is not clean, or takes longer than promised."""
        process = self._process
        assert process is not None
        roles = self.pids()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise AssertionError(f"did not stop within {_STOP_SECONDS:.0f} s:\n{self.tail()}") from None
        took = time.monotonic() - began
        self._process = None
        assert status == 0, f"ended with status {status}:\n{self.tail()}"
        left = {role: pid for role, pid in roles.items() if is_running(pid)}
        assert not left, f"still running after the stop: {left}"
        return took

    def kill_everything(self) -> None:
        """SIGKILL of the supervisor and every role at once: what a power cut leaves. Harmless when nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            # It stands still first, or it would start again what is killed.
            process.send_signal(signal.SIGSTOP)
            pids = list(self.pids().values())
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait(10.0)
            for pid in pids:
                wait_until(lambda pid=pid: not is_running(pid), 10.0, f"{pid} is gone")  # type: ignore[misc]

    def close(self) -> None:
        """End of its use."""
        self.kill_everything()
        metrics_folder.remove(self.data / "run" / "metrics")
        self.hang_up()

    # ---- time

    @property
    def now(self) -> Micros:
        """The time that Pingfold takes it to be."""
        return time.time_ns() // 1000 + round(self.offset * SECOND)

    def set_clock(self, offset: float) -> None:
        """Let Pingfold's clock be so many seconds ahead of the real one from its next tick on."""
        draft = self.data / "clock.new"
        draft.write_text(repr(offset))
        draft.replace(self.data / "clock")
        self.offset = offset

    def advance(self, seconds: float) -> Micros:
        """Move the clock on, and wait until all partitions of all folds have got there; the time then."""
        self.set_clock(self.offset + seconds)
        return self.pass_time(self.now)

    def advance_to(self, moment: Micros) -> Micros:
        """Move the clock on to `moment`, and wait until all partitions are past it."""
        if moment > self.now:
            self.set_clock(self.offset + (moment - self.now) / SECOND)
        return self.pass_time(moment)

    def pass_time(self, moment: Micros, timeout: float = 90.0) -> Micros:
        """Wait until the time of all partitions of all folds is past `moment`."""
        wait_until(lambda: self._is_past(moment), timeout, "the time of every partition has passed", pause=0.1)
        return moment

    def _is_past(self, moment: Micros) -> bool:
        """Whether all partitions are past it. Ticks may come seldom where nothing is due: a step of the clock does."""
        if self.folded_time() > moment:
            return True
        if time.monotonic() - self._nudged >= 2.0:
            self._nudged = time.monotonic()
            self.set_clock(self.offset + 0.001)
        return False

    def folded_time(self) -> Micros:
        """The time of the partition that is furthest behind; 0 while one has none."""
        try:
            text = self.get("/metrics").text
        except httpx.HTTPError:
            return 0
        times = [float(time) for fold, _, time in _PARTITION_TIME.findall(text) if fold in _FOLDS]
        return round(min(times) * SECOND) if len(times) == len(_FOLDS) * self.partitions else 0


def _dies_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
