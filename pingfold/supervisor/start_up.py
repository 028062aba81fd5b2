"""The order in which `pingfold up` starts the roles, and what each of them waits for.

Only what can never work ends a start: an embedded Kafka that ends again and again before it has answered once, topics
of another installation. What is away or takes long is said and waited for: a Kafka of others, a server that recovers
its data, folds that catch up. Nothing that works is stopped, and nothing waits for history (`start`).
"""

import asyncio
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import httpx
from confluent_kafka import KafkaError, KafkaException

from infra.availability import clickhouse_answers, kafka_answers, kafka_fault
from infra.clickhouse.address import Address
from infra.clock import SYSTEM_CLOCK
from infra.embedded import kafka, ports
from infra.embedded.logins import ANALYST, login_file, made_analyst_login, made_login
from infra.log import admin
from infra.log.clients import passes
from infra.log.retention import topic_retention
from infra.log.sink import NotStored, Sink
from infra.process.tasks import persistent
from infra.secrets.metrics_key import bearer, metrics_key
from infra.secrets.secrets import Vault
from infra.settings.ignored import fixed_partitions
from infra.settings.settings import Settings
from pingfold import credentials, first_project
from pingfold.roles.history_start import HistoryStart
from pingfold.supervisor.claim import CannotStart
from pingfold.supervisor.lines import Problem
from pingfold.supervisor.supervisor import PATIENT, Role, Say, Supervisor, python_role
from query_api.ops.readiness import PUBLIC_ADDRESS
from schemas.base import encode
from schemas.topics import PROJECTS

T = TypeVar("T")

_SAY_SECONDS = 10.0
# A part that dies so often before it answers for the first time never will.
_DEATHS = 3
_AGAIN_SECONDS = 1.0
# Whether the public address leads here is known some seconds after the web process listens.
_PUBLIC_LOOKS, _PUBLIC_LOOK_SECONDS = 15, 1.0


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
    why = partial(kafka.last_error, settings.data)
    answers = partial(kafka_answers, address)
    return Server(Role("kafka", 0, command, stage=0, answers=answers, where=address, why=why), address)


def prepare_clickhouse(settings: Settings) -> Server:
    """The embedded ClickHouse."""
    port = ports.remembered(settings.data, "clickhouse", settings.clickhouse_port)
    made_login(settings.data, "clickhouse")
    made_analyst_login(settings.data)
    folder, login = (settings.data / "clickhouse").resolve(), login_file(settings.data, "clickhouse").resolve()
    url = f"http://{ports.HOST}:{port}"
    command = (
        *(sys.executable, "-m", "infra.embedded.clickhouse"),
        *("--data", str(folder), "--port", str(port), "--login", str(login)),
        *("--analyst", str(login_file(settings.data, ANALYST).resolve())),
    )
    answers = partial(clickhouse_answers, Address.parse(url))
    return Server(Role("clickhouse", 0, command, stage=0, nice=PATIENT, answers=answers, where=url), url)


def ready(settings: Settings, seconds: float) -> str:
    """Where to look now: addresses that a terminal makes links of, and where the password stands."""
    password = (
        f"admin_password in {credentials.path_of(settings)}"
        if settings.admin_password is None
        else "that of PINGFOLD_ADMIN_PASSWORD"
    )
    here = "" if settings.base_url == settings.local_url else f", on this host {settings.local_url}/"
    return (
        f"ready after {seconds:.1f} s: dashboard {settings.base_url}/{here} (user name admin, password: {password}); "
        f"reference of the APIs {settings.base_url}/docs"
    )


def first_ping(settings: Settings) -> str:
    """What to try first. In quotes: a shell may take the `?` for a pattern of file names."""
    file = credentials.path_of(settings)
    key = f"$(jq -r .ping_key {shlex.quote(str(file))})"
    return f'keys: {file}; try: curl "{settings.ping_base}{key}/backup?create=1"'


class StartUp:
    """One start. `servers`: the embedded ones among Kafka and ClickHouse, which are started first.

    clickhouse: its URL, with user and password. tasks: gets what goes on beside the start.
    """

    def __init__(
        self,
        settings: Settings,
        supervisor: Supervisor,
        say: Say,
        instance: str,
        kafka: str,
        clickhouse: str,
        tasks: "list[asyncio.Task[None]]",
    ) -> None:
        self._tasks = tasks
        self._settings, self._supervisor, self._say = settings, supervisor, say
        self._instance, self._kafka, self._clickhouse = instance, kafka, clickhouse
        self._began = time.monotonic()

    async def run(self, servers: dict[str, Server]) -> None:
        """Start everything; returns when all of it works. Raises `CannotStart`, `NoCredentials`, `WrongPartitionCount`,
        and `KafkaException` for what does not pass."""
        settings, supervisor, say = self._settings, self._supervisor, self._say
        credentials.check_prefix(credentials.path_of(settings), self._kafka)  # before topics are made under it
        if settings.dns_zone is not None:  # it waits for nothing
            supervisor.keep(python_role("dns", 0, 2))
        for server in servers.values():
            supervisor.keep(server.role)
        if "Kafka" in servers:
            await self._until("Kafka", lambda: asyncio.to_thread(kafka.answers, self._kafka), servers["Kafka"].role)
        else:
            await self._until("Kafka", self._kafka_answers)
        migrate = partial(admin.migrate, self._kafka, settings.partitions, retention_ms=topic_retention(settings))
        count = await self._insist(partial(asyncio.to_thread, migrate))
        say("pingfold", f"Kafka is ready; {count} partitions")
        if remark := fixed_partitions(settings, count):
            say("pingfold", remark)
        await self._insist(self._first_project)
        history = HistoryStart(settings, self._clickhouse, supervisor, say)
        self._tasks.append(persistent(history.run, "the start of history", partial(say, "pingfold")))
        for slot in range(settings.workers):
            supervisor.keep(python_role("worker", slot, 1))
        supervisor.keep(python_role("ticker", 0, 1))
        supervisor.keep(python_role("web", 0, 2))
        # Probers begin when pings are taken: what they need of the processor would only delay that.
        await self._until("the web process", self._web_answers)
        for slot, region in enumerate(region for region in settings.regions for _ in range(settings.probers)):
            supervisor.keep(python_role("prober", slot, 1, "--region", region))
        await self._until("Pingfold", self._is_ready)
        say("pingfold", ready(settings, time.monotonic() - self._began))
        public = persistent(self._tell_of_public_address, "the look at the public address", partial(say, "pingfold"))
        self._tasks.append(public)
        say("pingfold", first_ping(settings))

    async def _first_project(self) -> None:
        """Write the credentials at the first start, and ask for the project they speak of; asking again does no
        harm."""
        settings, path = self._settings, credentials.path_of(self._settings)
        if path.exists():
            known = credentials.with_servers(path, settings.local_url, self._kafka, self._clickhouse)
        else:
            fresh = first_project.new_credentials(settings.local_url, self._kafka, self._clickhouse)
            known = credentials.save_once(path, fresh)
            self._say("pingfold", f"first start: made {path}")
        sink = Sink(self._kafka)
        request = first_project.project_request(known, SYSTEM_CLOCK.real(), Vault.open(settings))
        try:
            await sink.put(PROJECTS, known.project, encode(request))
        finally:
            await sink.close()

    async def _kafka_answers(self) -> bool | str:
        return await asyncio.to_thread(kafka_fault, self._kafka) or True

    async def _insist(self, do: Callable[[], Awaitable[T]]) -> T:
        """Do what needs Kafka, as often as it takes while Kafka cannot be reached. Raises what does not pass."""
        while True:
            try:
                return await do()
            except (KafkaException, NotStored, TimeoutError) as error:
                cause = error.args[0] if error.args else "no answer in time"
                if isinstance(cause, KafkaError) and not passes(cause):
                    raise
                self._say("pingfold", Problem(f"Kafka does not answer: {cause}; trying again"))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _until(self, what: str, answers: Callable[[], Awaitable[bool | str]], role: Role | None = None) -> None:
        """Wait until it answers True; says now and then that it is waited for, and what the answer was instead.

        Raises `CannotStart` when `role` has ended several times meanwhile.
        """
        told = time.monotonic()
        while (found := await answers()) is not True:
            if role is not None and self._supervisor.deaths(role) >= _DEATHS:
                why = self._supervisor.why(role)
                raise CannotStart(f"{what} ended {_DEATHS} times before it answered{f': {why}' if why else ''}")
            if time.monotonic() - told > _SAY_SECONDS:
                told = time.monotonic()
                self._say("pingfold", f"waiting for {what}{f': {found}' if found else ''}")
            await asyncio.sleep(0.1)

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

    async def _tell_of_public_address(self) -> None:
        """Say so when the address that is shown to people does not lead here: once, soon after the start."""
        for _ in range(_PUBLIC_LOOKS):
            _, answer = await self._ask("/readyz")
            warnings = answer.get("warnings") or [] if self._is_ours(answer) else []
            for warning in warnings:
                if warning.get("part") == PUBLIC_ADDRESS:
                    self._say("pingfold", Problem(f"{warning['reason']} (PINGFOLD_BASE_URL, PINGFOLD_PING_ENDPOINT)"))
                    return
            await asyncio.sleep(_PUBLIC_LOOK_SECONDS)

    def _is_ours(self, answer: Any) -> bool:
        """Another program may hold the port, and answer anything."""
        return isinstance(answer, dict) and answer.get("instance") == self._instance

    async def _ask(self, path: str) -> tuple[int, Any]:
        try:
            # The address is of http: certificates, which take long to load, are not needed.
            client = httpx.AsyncClient(timeout=3.0, trust_env=False, verify=False)
            async with asyncio.timeout(5.0), client:
                # With the key it tells what is waited for.
                shown = bearer(metrics_key(self._settings))
                answer = await client.get(f"{self._settings.local_url}{path}", headers=shown)
                return answer.status_code, answer.json()
        except (httpx.HTTPError, TimeoutError, ValueError):
            return 0, None


def _backlog(of: dict[str, Any]) -> str:
    seconds = of.get("about_seconds")
    return f"{of['events']} events of {of['journal']} to fold" + (f", about {seconds} s" if seconds is not None else "")
