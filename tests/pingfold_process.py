"""A whole Pingfold as real processes that a test may stop, kill, freeze, move in time and start again; a load of pings
for it, and a receiver of its webhooks.

Nothing here sleeps for its own sake: every wait is for a condition and bounded, and a wait that ends in vain says what
it waited for. All of it ends with the test run, also when the run itself is killed.
"""

import asyncio
import contextlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import httpx
from aiohttp import web
from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, Producer, TopicPartition

from infra.embedded.ports import HOST, free_port
from infra.log.admin import admin_client, end_offsets
from infra.log.reading import Stored
from infra.log.sink import producer_config
from infra.secrets.metrics_key import KEY_FILE, bearer
from pingfold import metrics_folder
from pingfold.credentials import Credentials, load
from processors.history.writer import GROUP
from schemas.base import SECOND, Micros
from schemas.topics import CHECK_STATES, DEAD_LETTERS, PINGS, TRANSITIONS, Topic
from tests.topic_reader import TopicReader

T = TypeVar("T")

_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0  # every role stops within 10 s
_FOLDS = ("projects", "checks", "monitors", "deliveries")
_PARTITION_TIME = re.compile(r'^pingfold_partition_time_seconds\{fold="(\w+)",partition="(\d+)"\} (\S+)$', re.MULTILINE)


def wait_until(condition: Callable[[], T], timeout: float = 90.0, what: str = "", pause: float = 0.05) -> T:
    """The first true value of `condition`; fails when there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what or condition}; last: {value!r}")
        time.sleep(pause)
    return value


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Pingfold:
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
        self.data, self.output = folder / "data", folder / "pingfold.out"
        self.port, self.workers, self.partitions = free_port(), workers, partitions
        self.url = f"http://{HOST}:{self.port}"
        self.settings = {
            "PINGFOLD_DATA": str(self.data),
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
        self.offset, self._nudged = 0.0, 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: TopicReader | None = None
        self._http = httpx.Client(timeout=15.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

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
                env=self._environment(),
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

    def _environment(self) -> dict[str, str]:
        ours = ("PINGFOLD_", "KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "PROMETHEUS_MULTIPROC_DIR")
        return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | self.settings

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
                env=self._environment() | settings,
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
        self._http.close()

    def said(self) -> str:
        """Everything that all processes have said so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def tail(self, lines: int = 80) -> str:
        """The last lines of it, without those that every start has by the dozen."""
        return "\n".join([line for line in self.said().splitlines() if '"fold.taken"' not in line][-lines:])

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

    # ---- what a client does

    @property
    def credentials(self) -> Credentials:
        return load(self.data / "credentials.json")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request; one for figures or readiness is an operator's, with the key of them."""
        if path in ("/metrics", "/readyz") and (self.data / KEY_FILE).exists():
            options["headers"] = bearer((self.data / KEY_FILE).read_text()) | (options.get("headers") or {})
        return self._http.request(method, f"{self.url}{path}", **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def api(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """A request to the Management API, `path` below /api/v3."""
        headers = {"X-Api-Key": self.credentials.healthchecks_key if key is None else key}
        return self.request(method, f"/api/v3{path}", json=body, headers=headers)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The same; the answer must be good, and its JSON is returned.

        A GET is repeated until it is fresh: on a busy machine a fold may need more than the second that a read waits.
        """

        def answered() -> list[httpx.Response]:
            answer = self.api(method, path, body)
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
            return [] if method == "GET" and "pingfold-stale" in answer.headers else [answer]

        return wait_until(answered, what=f"{method} {path} is fresh")[0].json()

    def create(self, name: str, *, timeout: int = 3600, grace: int = 3600, **fields: Any) -> str:
        """Make a check through the API, with every channel; its id."""
        body = {"name": name, "slug": name, "timeout": timeout, "grace": grace, "channels": "*", **fields}
        if "schedule" in fields:
            del body["timeout"]
        return str(self.ask("POST", "/checks/", body)["uuid"])

    def check(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/checks/{id}")
        return found

    def by_slug(self, slug: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/checks/?slug={slug}")["checks"]
        return found

    def status(self, id: str) -> str:
        return str(self.check(id)["status"])

    def pings(self, id: str) -> list[dict[str, Any]]:
        """The list of pings; history may say that it is being written, and is asked again."""

        refusal = ""

        def answered() -> list[list[dict[str, Any]]]:
            nonlocal refusal
            answer = self.api("GET", f"/checks/{id}/pings/")
            assert answer.status_code in (200, 503), answer.text
            refusal = answer.text
            return [answer.json()["pings"]] if answer.status_code == 200 else []

        try:
            return wait_until(answered, 120.0, f"the pings of {id} can be listed")[0]
        except AssertionError as error:
            raise AssertionError(f"{error}; refused with {refusal}\n{self._about_history(id)}") from None

    def _about_history(self, id: str) -> str:
        """What decides whether the pings of a check can be listed: what Kafka, the writer and ClickHouse have."""
        bootstrap, own_id = self.credentials.cluster, f"'{id}'"
        partitions = [(t.name, n) for t in (PINGS, TRANSITIONS, DEAD_LETTERS) for n in range(self.partitions)]
        asked = ConsumerGroupTopicPartitions(GROUP, [TopicPartition(*tp) for tp in partitions])
        admin = admin_client(bootstrap)
        committed = admin.list_consumer_group_offsets([asked])[GROUP].result(10.0).topic_partitions
        done = {(tp.topic, tp.partition): tp.offset for tp in committed}
        visible = end_offsets(admin, partitions, 10.0)
        there = end_offsets(admin, partitions, 10.0, IsolationLevel.READ_UNCOMMITTED)
        offsets = {tp: (done.get(tp), visible[tp], there[tp]) for tp in partitions if done.get(tp) != there[tp]}
        query = f"SELECT count(), uniqExact(off), max(off), any(part) FROM pingfold.pings WHERE check_id = {own_id}"
        try:
            rows = httpx.post(f"{self.credentials.clickhouse}/", content=query, timeout=5.0, trust_env=False).text
        except httpx.HTTPError as error:
            rows = repr(error)
        state = self.values(CHECK_STATES, id)[-1:]
        return f"behind (done, committed, written): {offsets}\nrows: {rows}\nstate: {state}\n{self.tail()}"

    def ping(self, check: str, action: str = "", **options: Any) -> httpx.Response:
        """Ping a check by its id, or by `<slug>` of the default project (with `create=1` in `params`, perhaps)."""
        target = check if re.fullmatch("[0-9a-f-]{36}", check) else f"{self.credentials.ping_key}/{check}"
        method = options.pop("method", "GET")
        return self.request(method, f"/ping/{target}{action and f'/{action}'}", **options)

    def good_ping(self, check: str, action: str = "", **options: Any) -> None:
        """A ping that must be acknowledged."""
        answer = self.ping(check, action, **options)
        assert (answer.status_code, answer.text) in ((200, "OK"), (201, "Created")), f"{answer} {answer.text}"

    def channel(self, url: str, **fields: Any) -> str:
        """Make a channel; its id."""
        return str(self.ask("POST", "/channels/", {"url": url, **fields})["id"])

    def command(
        self, *arguments: str, timeout: float = 120.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `pingfold` beside this Pingfold. environment: what its environment has besides."""
        return subprocess.run(
            [sys.executable, "-m", "pingfold", *arguments],
            capture_output=True, text=True, timeout=timeout, env=self._environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def made(self, *arguments: str) -> Any:
        """What a command has made."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def verify(self) -> None:
        """`pingfold replay --verify` finds states and effects equal to those of one pure pass."""
        done = self.command("replay", "--verify", "--json")
        outcome = json.loads(done.stdout) if done.stdout else {}
        told = f"{done.stderr}\n{json.dumps(outcome, indent=1)[:4000]}"
        assert done.returncode == 0, told
        assert outcome["equal"] is True, told
        assert outcome["events"] > 0
        assert outcome["effects"] > 0

    # ---- Kafka itself

    def records(self, topic: Topic) -> list[Stored]:
        """Everything committed in a topic."""
        if self._reader is None:
            self._reader = TopicReader(self.credentials.cluster, self.partitions)
        return self._reader.records(topic)

    def read_anew(self) -> None:
        """Read every topic from its beginning when it is asked for again: a log may have lost what was read of it."""
        self._reader = None

    def values(self, topic: Topic, key: str | None = None) -> list[dict[str, Any]]:
        """The JSON objects in a topic, of one key perhaps; what is none is left out."""
        wanted = None if key is None else key.encode()
        found = []
        for one in self.records(topic):
            if one.value and wanted in (None, one.key):
                with contextlib.suppress(ValueError, RecursionError):
                    found.append(json.loads(one.value))
        return [value for value in found if isinstance(value, dict)]

    def produce(self, topic: Topic, values: Sequence[tuple[bytes | None, bytes | None]], partition: int = -1) -> None:
        """Put (key, value) records into a topic, as an operator's tool would."""
        producer = Producer(producer_config(self.credentials.cluster))
        failed: list[str] = []
        for key, value in values:
            producer.produce(
                topic.name, value, key, partition, lambda error, _: failed.append(str(error)) if error else None
            )
        assert producer.flush(60.0) == 0
        assert not failed, failed


def _dies_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


# ---- pings without end


@dataclass
class Load:
    """Pings checks from a thread as long as the body of its `with` runs; each ping has a name of its own (User-Agent).

    `lanes` jobs go on side by side, each with checks of its own and one ping at a time, so that the pings of a check
    have an order. `flapping` checks fail and recover in turn: two pings each. Outcome, by check: names of the pings
    that were acknowledged, in order; `refused`: answered 503; `unknown`: nobody knows (the connection broke); `wrong`:
    answers that must not be.
    """

    pingfold: Pingfold
    steady: Sequence[str]
    flapping: Sequence[str] = ()
    per_second: float = 120.0
    body: bytes = b""
    name: str = field(default_factory=lambda: f"load-{secrets.token_hex(4)}")
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        for outcome in (self.acknowledged, self.refused, self.unknown):
            outcome.update({check: [] for check in (*self.steady, *self.flapping)})
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._thread.start()
        self.wait_for(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        assert self._thread is not None
        self._thread.join(30.0)
        assert not self._thread.is_alive()

    def wait_for(self, more: int, timeout: float = 60.0) -> None:
        """Wait until every check has had so many more pings acknowledged."""
        goal = {check: len(names) + more for check, names in self.acknowledged.items()}
        wait_until(
            lambda: all(len(self.acknowledged[check]) >= count for check, count in goal.items()),
            timeout,
            f"{more} more pings of every check are acknowledged",
        )

    @property
    def total(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def _run(self) -> None:
        checks = [*self.steady, *self.flapping]
        lanes = [checks[start::8] for start in range(min(8, len(checks)))]
        pause = len(lanes) / self.per_second
        timeout = aiohttp.ClientTimeout(total=20.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(*(self._lane(session, lane, pause) for lane in lanes))

    async def _lane(self, session: aiohttp.ClientSession, checks: Sequence[str], pause: float) -> None:
        actions = {check: itertools.cycle(["/fail", ""] if check in self.flapping else [""]) for check in checks}
        for number, check in enumerate(itertools.cycle(checks)):
            if self._ending.is_set():
                return
            await self._ping(session, check, next(actions[check]), f"{self.name}-{check}-{number}")
            await asyncio.sleep(pause)

    async def _ping(self, session: aiohttp.ClientSession, check: str, action: str, name: str) -> None:
        url = f"{self.pingfold.url}/ping/{check}{action}"
        try:
            async with session.post(url, data=self.body, headers={"User-Agent": name}) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.unknown[check].append(name)
            return
        if (status, text) == (200, "OK"):
            self.acknowledged[check].append(name)
        elif status == 503:
            self.refused[check].append(name)
        else:
            self.wrong.append(f"{name}: {status} {text}")


# ---- a receiver of webhooks


@dataclass(frozen=True)
class Received:
    """One request that came: `at` in real seconds since the epoch, `answered` with this status (None: it hung)."""

    at: float
    headers: Mapping[str, str]
    body: bytes
    answered: int | None

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def event(self) -> str:
        return str(self.json["event"])

    @property
    def check(self) -> str:
        return str(self.json["data"]["monitor"]["id"])


@dataclass
class Receiver:
    """An HTTP server on loopback, in a thread with a loop of its own. Down until `start`; keeps its port.

    `answer`: the status it answers; None lets requests hang until it stops.
    """

    answer: int | None = 200
    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    def start(self) -> None:
        """Listen."""
        listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), name="receiver")
        self._thread.start()
        assert listening.wait(60.0), "the receiver does not listen"

    def stop(self) -> None:
        """Be down: connections are refused."""
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(60.0)
            assert not self._thread.is_alive()
            self._thread = None

    async def _serve(self, listening: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/hook", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, self.port, reuse_address=True).start()
        listening.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body, status = await request.read(), self.answer
        self.received.append(Received(time.time(), dict(request.headers), body, status))
        if status is None:
            assert self._stop is not None
            await self._stop.wait()
        return web.Response(status=status or 503)

    def of(self, check: str, event: str | None = None, taken: bool = True) -> list[Received]:
        """What came for a check, one event perhaps; only what was answered 2xx, unless `taken` is False."""
        return [
            one
            for one in list(self.received)
            if one.check == check
            and event in (None, one.event)
            and (not taken or (one.answered is not None and one.answered < 300))
        ]

    def wait(self, check: str, event: str, timeout: float = 90.0, taken: bool = True) -> Received:
        """The first request for this event of a check."""
        found = wait_until(
            lambda: self.of(check, event, taken),
            timeout,
            f"{event} for {check}",
        )
        return found[0]
