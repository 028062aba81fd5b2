"""What the clients of a Pingfold do, and what stands in its Kafka, its data folder and its output.

Every wait is for a condition and bounded, and a wait that ends in vain says what it waited for.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, Producer, TopicPartition

from infra.log.admin import admin_client, end_offsets
from infra.log.reading import Stored
from infra.log.sink import producer_config
from infra.secrets.metrics_key import KEY_FILE, bearer
from pingfold.credentials import Credentials, load
from processors.history.writer import GROUP
from schemas.topics import CHECK_STATES, DEAD_LETTERS, PINGS, TRANSITIONS, Topic
from tests.topic_reader import TopicReader

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 90.0, what: str = "", pause: float = 0.05) -> T:
    """The first true value of `condition`; fails when there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what or condition}; last: {value!r}")
        time.sleep(pause)
    return value


class PingfoldClient:
    """`output`: what all processes have said, over all starts."""

    def __init__(self, data: Path, output: Path, url: str, partitions: int, settings: dict[str, str]) -> None:
        self.data, self.output, self.url = data, output, url
        self.partitions, self.settings = partitions, settings
        self._reader: TopicReader | None = None
        self._http = httpx.Client(timeout=15.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def hang_up(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def environment(self) -> dict[str, str]:
        """What a process that belongs to this Pingfold is started with."""
        ours = ("PINGFOLD_", "KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "PROMETHEUS_MULTIPROC_DIR")
        return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | self.settings

    def said(self) -> str:
        """Everything that all processes have said so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def tail(self, lines: int = 80) -> str:
        """The last lines of it, without those that every start has by the dozen."""
        return "\n".join([line for line in self.said().splitlines() if '"fold.taken"' not in line][-lines:])

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
            capture_output=True, text=True, timeout=timeout, env=self.environment() | dict(environment or {}),
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
