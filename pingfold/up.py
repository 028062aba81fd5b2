"""`pingfold up`: the whole of Pingfold on one machine, in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import fcntl
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
from rich.console import Console
from rich.text import Text

from infra import clickhouse_migrations, clickhouse_retention
from infra.disk import Disk, Level
from infra.embedded import kafka, ports
from infra.log import admin
from infra.log.sink import Sink
from infra.retention import retention_in_words, topic_retention
from infra.secrets import Vault
from infra.settings import Settings
from pingfold import credentials, metrics_folder
from pingfold.supervisor import PATIENT, Role, Supervisor, environment_for, python_role
from schemas.base import encode
from schemas.topics import PROJECTS

_SERVER_SECONDS = 60.0
_READY_SECONDS = 60.0
_DISK_SECONDS = 1.0
_CONSEQUENCES = {
    Level.OK: "there is room",
    Level.LOW: "make room: below the reserve pings and changes are refused",
    Level.FULL: "FULL: pings and changes are refused until there is room",
    Level.CRITICAL: "FULL: nothing is written until there is room",
}
_COLOURS = {"pingfold": "bold cyan", "kafka": "magenta", "clickhouse": "yellow", "web": "green", "worker": "blue"}


class CannotStart(Exception):
    """Pingfold cannot start; the message says why and what to do."""


def up(settings: Settings) -> int:
    """Run until told to stop. Returns the exit status."""
    settings.data.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(who: str, line: str) -> None:
        with contextlib.suppress(OSError):  # standard error may be a file on a full disk
            console.print(Text.assemble((f"{who:<12} ", _COLOURS.get(who.split("-")[0], "dim")), line))

    with (settings.data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("pingfold", f"another Pingfold runs on {settings.data}: stop it, or set PINGFOLD_DATA")
            return 1
        try:
            asyncio.run(_up(settings, say))
        except (CannotStart, kafka.MissingPrerequisite, kafka.KafkaNotReady, ports.PortTaken) as error:
            say("pingfold", str(error))
            return 1
    return 0


async def _up(settings: Settings, say: Callable[[str, str], None]) -> None:
    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    embedded_kafka = (
        None if settings.kafka_bootstrap_servers else await asyncio.to_thread(_prepare_kafka, settings, say)
    )
    embedded_clickhouse = None if settings.clickhouse_url else _prepare_clickhouse(settings)
    bootstrap = settings.kafka_bootstrap_servers or (embedded_kafka and embedded_kafka[1]) or ""
    clickhouse_url = settings.clickhouse_url or (embedded_clickhouse and embedded_clickhouse[1]) or ""
    supervisor = Supervisor(settings, environment_for(settings, bootstrap, clickhouse_url), say)
    supervisor.clear()
    work = asyncio.ensure_future(_start(settings, supervisor, embedded_kafka, embedded_clickhouse, say, began))
    stopped = asyncio.ensure_future(stop.wait())
    watch = asyncio.ensure_future(_watch_disk(settings, say))
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            await stopped
        say("pingfold", "stopping")
    finally:
        for task in (work, stopped, watch):
            task.cancel()
        ended = time.monotonic()
        await supervisor.stop()
        metrics_folder.remove(settings.data / "run" / "metrics")
        say("pingfold", f"stopped in {time.monotonic() - ended:.1f} s")


async def _watch_disk(settings: Settings, say: Callable[[str, str], None]) -> None:
    """Tell people when the disk fills up, and when there is room again."""
    disk, before = Disk(settings), Level.OK
    while True:
        state = disk.state
        if state.level != before:
            before = state.level
            say("pingfold", f"disk: {state.words if state.room else 'not there'}; {_CONSEQUENCES[before]}")
        await asyncio.sleep(_DISK_SECONDS)


def _prepare_kafka(settings: Settings, say: Callable[[str, str], None]) -> tuple[Role, str, int]:
    cache = kafka.default_cache()
    if not cache.exists():
        say("pingfold", "fetching Kafka's jars with Maven (once)")
    jars = kafka.install(cache)
    port = ports.remembered(settings.data, "kafka", settings.kafka_port)
    kafka.prepare(jars, settings.data, port, ports.remembered(settings.data, "kafka-controller"))
    role = Role("kafka", 0, tuple(kafka.command(jars, settings.data, settings.kafka_heap)), stage=0)
    return role, f"{ports.HOST}:{port}", port


def _prepare_clickhouse(settings: Settings) -> tuple[Role, str]:
    port = ports.remembered(settings.data, "clickhouse", settings.clickhouse_port)
    folder = str((settings.data / "clickhouse").resolve())
    command = (sys.executable, "-m", "infra.embedded.clickhouse", "--data", folder, "--port", str(port))
    return Role("clickhouse", 0, command, stage=0, nice=PATIENT), f"http://{ports.HOST}:{port}"


async def _start(
    settings: Settings,
    supervisor: Supervisor,
    embedded_kafka: tuple[Role, str, int] | None,
    embedded_clickhouse: tuple[Role, str] | None,
    say: Callable[[str, str], None],
    began: float,
) -> None:
    bootstrap, clickhouse_url = settings.kafka_bootstrap_servers or "", settings.clickhouse_url or ""
    if embedded_kafka is not None:
        role, bootstrap, port = embedded_kafka
        say("pingfold", f"starting Kafka on {bootstrap}")
        supervisor.keep(role)
    if embedded_clickhouse is not None:
        role, clickhouse_url = embedded_clickhouse
        say("pingfold", f"starting ClickHouse on {clickhouse_url}")
        supervisor.keep(role)
    if embedded_kafka is not None:
        await _until("Kafka", lambda: asyncio.to_thread(kafka.answers, port))
    count = await asyncio.to_thread(
        admin.migrate, bootstrap, settings.partitions, retention_ms=topic_retention(settings)
    )
    say("pingfold", f"Kafka is ready; {count} partitions")
    await _first_project(settings, bootstrap, clickhouse_url, say)
    for slot in range(settings.workers):
        supervisor.keep(python_role("worker", slot, 1))
    supervisor.keep(python_role("ticker", 0, 1))
    supervisor.keep(python_role("web", 0, 2))
    if embedded_clickhouse is not None:
        await _until("ClickHouse", lambda: _answers(f"{clickhouse_url}/ping"))
    await asyncio.to_thread(clickhouse_migrations.migrate, clickhouse_url)
    await asyncio.to_thread(clickhouse_retention.apply, clickhouse_url, settings)
    say("pingfold", f"kept: {retention_in_words(settings)}")
    supervisor.keep(python_role("writer", 0, 1, nice=PATIENT))
    # Probers begin when pings are taken: what they need of the processor would only delay that.
    await _until("The web process", lambda: _answers(f"{settings.local_url}/healthz"), _READY_SECONDS)
    for slot, region in enumerate(region for region in settings.regions for _ in range(settings.probers)):
        supervisor.keep(python_role("prober", slot, 1, "--region", region))
    await _until("Pingfold", lambda: _answers(f"{settings.local_url}/readyz"), _READY_SECONDS)
    say("pingfold", f"ready at {settings.base_url} after {time.monotonic() - began:.1f} s")
    file = credentials.path_of(settings)
    say("pingfold", f"keys: {file}; try: curl {settings.ping_base}$(jq -r .ping_key {file})/backup?create=1")


async def _first_project(
    settings: Settings, bootstrap: str, clickhouse_url: str, say: Callable[[str, str], None]
) -> None:
    """Write the credentials at the first start, and ask for the project they speak of; asking again does no harm."""
    path = credentials.path_of(settings)
    if path.exists():
        known = credentials.load(path)
    else:
        fresh = credentials.new_credentials(url=settings.local_url, kafka=bootstrap, clickhouse=clickhouse_url)
        known = credentials.save_once(path, fresh)
        say("pingfold", f"first start: made {path}")
    sink = Sink(bootstrap)
    request = credentials.project_request(known, time.time_ns() // 1000, Vault.open(settings))
    await sink.put(PROJECTS, known.project, encode(request))
    await sink.close()


async def _until(what: str, answers: Callable[[], Awaitable[bool]], seconds: float = _SERVER_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not await answers():
        if time.monotonic() > deadline:
            raise CannotStart(f"{what} did not answer within {seconds:.0f} s; its lines above tell why")
        await asyncio.sleep(0.1)


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx.HTTPError:
            return False
