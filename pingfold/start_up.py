"""The order in which `pingfold up` starts the roles, and what each of them waits for.

Only what can never work ends a start (a server that dies again and again). What takes long is said and waited for:
a server that recovers its data, folds that catch up.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import httpx

from infra import clickhouse_migrations, clickhouse_retention
from infra.availability import clickhouse_answers, kafka_answers
from infra.clickhouse import Address
from infra.embedded import kafka, ports
from infra.embedded.logins import login_file, made_login
from infra.log import admin
from infra.log.sink import Sink
from infra.metrics_key import bearer, metrics_key
from infra.retention import retention_in_words, topic_retention
from infra.secrets import Vault
from infra.settings import Settings
from pingfold import credentials
from pingfold.claim import CannotStart
from pingfold.supervisor import PATIENT, Role, Supervisor, python_role
from schemas.base import encode
from schemas.topics import PROJECTS

Say = Callable[[str, str], None]

_SAY_SECONDS = 10.0
# A part that dies so often before it answers for the first time never will.
_DEATHS = 3


class Server(NamedTuple):
    """An embedded server: how it is run, and its address, in which nothing is secret."""

    role: Role
    address: str


def prepare_kafka(settings: Settings, say: Say) -> Server:
    """Fetch, configure and format the embedded Kafka as far as that has not been done; may take minutes once."""
    cache = kafka.default_cache()
    if not cache.exists():
        say("pingfold", "fetching Kafka's jars with Maven (once)")
    jars = kafka.install(cache)
    port = ports.remembered(settings.data, "kafka", settings.kafka_port)
    kafka.prepare(jars, settings.data, port, ports.remembered(settings.data, "kafka-controller"))
    address = f"{ports.HOST}:{port}"
    command = tuple(kafka.command(jars, settings.data, settings.kafka_heap))
    return Server(Role("kafka", 0, command, stage=0, answers=partial(kafka_answers, address)), address)


def prepare_clickhouse(settings: Settings) -> Server:
    """The embedded ClickHouse."""
    port = ports.remembered(settings.data, "clickhouse", settings.clickhouse_port)
    made_login(settings.data, "clickhouse")
    folder, login = (settings.data / "clickhouse").resolve(), login_file(settings.data, "clickhouse").resolve()
    url = f"http://{ports.HOST}:{port}"
    command = (
        *(sys.executable, "-m", "infra.embedded.clickhouse"),
        *("--data", str(folder), "--port", str(port), "--login", str(login)),
    )
    answers = partial(clickhouse_answers, Address.parse(url))
    return Server(Role("clickhouse", 0, command, stage=0, nice=PATIENT, answers=answers), url)


class StartUp:
    """One start. `servers`: the embedded ones among Kafka and ClickHouse, which are started first."""

    # kafka, clickhouse: bootstrap address and URL, with user and password.
    def __init__(
        self, settings: Settings, supervisor: Supervisor, say: Say, instance: str, kafka: str, clickhouse: str
    ) -> None:
        self._settings, self._supervisor, self._say = settings, supervisor, say
        self._instance, self._kafka, self._clickhouse = instance, kafka, clickhouse
        self._began = time.monotonic()

    async def run(self, servers: dict[str, Server]) -> None:
        """Start everything; returns when all of it works. Raises `CannotStart`, and what migrations raise."""
        settings, supervisor, say = self._settings, self._supervisor, self._say
        for name, server in servers.items():
            say("pingfold", f"starting {name} on {server.address}")
            supervisor.keep(server.role)
        if "Kafka" in servers:
            port = int(self._kafka.rpartition(":")[2])
            await self._until("Kafka", lambda: asyncio.to_thread(kafka.answers, port), servers["Kafka"].role)
        count = await asyncio.to_thread(
            admin.migrate, self._kafka, settings.partitions, retention_ms=topic_retention(settings)
        )
        say("pingfold", f"Kafka is ready; {count} partitions")
        await self._first_project()
        for slot in range(settings.workers):
            supervisor.keep(python_role("worker", slot, 1))
        supervisor.keep(python_role("ticker", 0, 1))
        web = python_role("web", 0, 2)
        supervisor.keep(web)
        if "ClickHouse" in servers:
            await self._until("ClickHouse", self._clickhouse_answers, servers["ClickHouse"].role)
        await asyncio.to_thread(clickhouse_migrations.migrate, self._clickhouse)
        await asyncio.to_thread(clickhouse_retention.apply, self._clickhouse, settings)
        say("pingfold", f"kept: {retention_in_words(settings)}")
        supervisor.keep(python_role("writer", 0, 1, nice=PATIENT))
        # Probers begin when pings are taken: what they need of the processor would only delay that.
        await self._until("the web process", self._web_answers, web)
        for slot, region in enumerate(region for region in settings.regions for _ in range(settings.probers)):
            supervisor.keep(python_role("prober", slot, 1, "--region", region))
        await self._until("Pingfold", self._is_ready)
        say("pingfold", f"ready at {settings.base_url} after {time.monotonic() - self._began:.1f} s")
        file = credentials.path_of(settings)
        say("pingfold", f"keys: {file}; try: curl {settings.ping_base}$(jq -r .ping_key {file})/backup?create=1")

    async def _first_project(self) -> None:
        """Write the credentials at the first start, and ask for the project they speak of; asking again does no
        harm."""
        settings, path = self._settings, credentials.path_of(self._settings)
        if path.exists():
            known = credentials.with_servers(path, kafka=self._kafka, clickhouse=self._clickhouse)
        else:
            fresh = credentials.new_credentials(url=settings.local_url, kafka=self._kafka, clickhouse=self._clickhouse)
            known = credentials.save_once(path, fresh)
            self._say("pingfold", f"first start: made {path}")
        sink = Sink(self._kafka)
        request = credentials.project_request(known, time.time_ns() // 1000, Vault.open(settings))
        await sink.put(PROJECTS, known.project, encode(request))
        await sink.close()

    async def _until(self, what: str, answers: Callable[[], Awaitable[bool | str]], role: Role | None = None) -> None:
        """Wait until it answers True; says now and then that it is waited for, and what the answer was instead."""
        told = time.monotonic()
        while (found := await answers()) is not True:
            if role is not None and self._supervisor.deaths(role) >= _DEATHS:
                raise CannotStart(f"{what} ended {_DEATHS} times before it answered; its lines above tell why")
            if time.monotonic() - told > _SAY_SECONDS:
                told = time.monotonic()
                self._say("pingfold", f"waiting for {what}{f': {found}' if found else ''}")
            await asyncio.sleep(0.1)

    async def _clickhouse_answers(self) -> bool:
        return await asyncio.to_thread(clickhouse_answers, Address.parse(self._clickhouse))

    async def _web_answers(self) -> bool | str:
        status, answer = await self._ask("/healthz")
        return status == 200 and self._is_ours(answer)

    async def _is_ready(self) -> bool | str:
        status, answer = await self._ask("/readyz")
        if not self._is_ours(answer):
            return f"the web process does not answer on {self._settings.local_url}"
        if status == 200:
            return True
        if catching_up := answer.get("catching_up"):
            return ", ".join(map(_backlog, catching_up))
        problems = answer.get("problems") or []
        return "; ".join(f"{one.get('part')}: {one.get('reason')}" for one in problems)

    def _is_ours(self, answer: Any) -> bool:
        """Another program may hold the port, and answer anything."""
        return isinstance(answer, dict) and answer.get("instance") == self._instance

    async def _ask(self, path: str) -> tuple[int, Any]:
        try:
            async with asyncio.timeout(5.0), httpx.AsyncClient(timeout=3.0, trust_env=False) as client:
                # With the key it tells what is waited for.
                shown = bearer(metrics_key(self._settings))
                answer = await client.get(f"{self._settings.local_url}{path}", headers=shown)
                return answer.status_code, answer.json()
        except (httpx.HTTPError, TimeoutError, ValueError):
            return 0, None


def _backlog(of: dict[str, Any]) -> str:
    seconds = of.get("about_seconds")
    return f"{of['events']} events of {of['journal']} to fold" + (f", about {seconds} s" if seconds is not None else "")
