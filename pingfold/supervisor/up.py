"""`pingfold up`: the whole of Pingfold on one machine, in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import secrets
import time
from functools import partial
from typing import NoReturn

from confluent_kafka import KafkaException

from infra.disk import Disk, Level
from infra.embedded import kafka, ports
from infra.embedded.logins import NoLogin
from infra.http_server.listening import CannotListen
from infra.http_server.tls import CannotServeTls
from infra.log.admin import WrongPartitionCount
from infra.process import logs
from infra.process.lifecycle import keep_beating, leave, progress_file, stop_in_loop
from infra.process.liveness import LIVENESS
from infra.process.tasks import persistent, vital
from infra.secrets.secrets import SecretError, Vault
from infra.settings.ignored import ignored_settings
from infra.settings.settings import Settings
from pingfold import metrics_folder
from pingfold.addresses import clickhouse_of, kafka_of
from pingfold.credentials import NoCredentials
from pingfold.roles.heartbeat import send_heartbeats
from pingfold.supervisor.claim import CannotStart, claim_ports, data_folder, end_former_roles
from pingfold.supervisor.environments import environment_for
from pingfold.supervisor.lines import Lines, Problem
from pingfold.supervisor.start_up import Server, StartUp, prepare_clickhouse, prepare_kafka
from pingfold.supervisor.supervisor import Say, Supervisor

# From a stop signal to the end, whatever hangs.
_STOP_SECONDS = 9.8
_DISK_SECONDS = 1.0
# The setting by which workers are told to compare what they have folded with what others know.
_RECONCILE = "PINGFOLD_RECONCILE"
_CONSEQUENCES = {
    Level.OK: "there is room",
    Level.LOW: "make room: below the reserve pings and changes are refused",
    Level.FULL: "FULL: pings and changes are refused until there is room",
    Level.CRITICAL: "FULL: nothing is written until there is room",
}

# What keeps a Pingfold from starting and is told in one line.
_FAULTS = (
    *(CannotStart, CannotListen, CannotServeTls, NoCredentials, WrongPartitionCount, SecretError),
    *(NoLogin, kafka.MissingPrerequisite, kafka.KafkaNotReady, ports.PortTaken),
)


def up(settings: Settings) -> NoReturn:
    """Run until told to stop. Ends the process."""
    file, status = progress_file(settings.data, "up"), 0
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    asyncio.set_event_loop(loop)
    stop_in_loop(loop, stop.set, file, loop.is_running, _STOP_SECONDS)
    lines = Lines(settings.log_format)
    logs.configure("up", "json" if lines.for_people else settings.log_format, lines.stream())
    try:
        with data_folder(settings):
            end_former_roles(settings.data, lines.say)
            claim_ports(settings)
            Vault.open(settings)  # a key that is none is told before anything starts
            for line in ignored_settings(settings):
                lines.say("pingfold", Problem(line))
            LIVENESS.watch(file, "up", {})
            loop.run_until_complete(_up(settings, lines, stop))
    except _FAULTS as error:
        lines.say("pingfold", Problem(error))
        status = 1
    except KafkaException as error:
        lines.say("pingfold", Problem(f"Kafka does not answer as it should: {error.args[0]}"))
        status = 1
    lines.close()
    # Threads may still wait for servers that are gone.
    leave(status, file)


async def _up(settings: Settings, lines: Lines, stop: asyncio.Event) -> None:
    say = lines.say
    instance = secrets.token_hex(8)
    supervisors: list[Supervisor] = []
    tasks = [
        vital(keep_beating(), name="beating"),
        persistent(
            lambda: _watch_disk(settings, say, supervisors), "the watch over the disk", partial(say, "pingfold")
        ),
    ]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    work = asyncio.create_task(_start(settings, lines, instance, supervisors, tasks), name="start")
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            await stopped
        say("pingfold", "stopping")
    finally:
        for task in (work, stopped, *tasks[1:]):
            task.cancel()
        ended = time.monotonic()
        await asyncio.gather(*(supervisor.stop() for supervisor in supervisors))
        if supervisors:
            metrics_folder.remove(settings.data / "run" / "metrics")
        say("pingfold", f"stopped in {time.monotonic() - ended:.1f} s")


async def _watch_disk(settings: Settings, say: Say, supervisors: list[Supervisor]) -> None:
    """Tell people when the disk fills up, and when there is room again; what has ended meanwhile is started then."""
    disk, before = Disk(settings), Level.OK
    while True:
        state = disk.state
        if state.level != before:
            if state.level < Level.FULL <= before:
                for supervisor in supervisors:
                    supervisor.hurry()
            before = state.level
            told = f"disk: {state.words if state.room else 'not there'}; {_CONSEQUENCES[before]}"
            say("pingfold", Problem(told) if before else told)
        await asyncio.sleep(_DISK_SECONDS)


async def _start(
    settings: Settings,
    lines: Lines,
    instance: str,
    supervisors: list[Supervisor],
    tasks: list[asyncio.Task[None]],
) -> None:
    say, servers = lines.say, dict[str, Server]()
    if settings.kafka_bootstrap_servers is None:
        servers["Kafka"] = await asyncio.to_thread(prepare_kafka, settings, say)
    if settings.clickhouse_url is None:
        servers["ClickHouse"] = prepare_clickhouse(settings)
    bootstrap = settings.kafka_bootstrap_servers or servers["Kafka"].address
    clickhouse = settings.clickhouse_url or servers["ClickHouse"].address
    environment = environment_for(settings, bootstrap, clickhouse, instance)
    doubtful = "Kafka" in servers and kafka.may_have_lost_ends(settings.data)
    if doubtful:
        say("pingfold", "Kafka was not stopped in good order: what its logs may have lost is looked for")
        environment[_RECONCILE] = "1"
    supervisor = Supervisor(settings, environment, say, lines.pass_on)
    supervisor.clear()
    supervisors.append(supervisor)
    tell = partial(say, "pingfold")
    tasks.append(persistent(supervisor.publish, "supervisor.json", tell))
    if settings.heartbeat_url is not None:
        tasks.append(persistent(lambda: send_heartbeats(settings, instance), "the heartbeat", tell))
    located = settings.model_copy(update={"kafka_bootstrap_servers": bootstrap, "clickhouse_url": clickhouse})
    start_up = StartUp(settings, supervisor, say, instance, kafka_of(located), clickhouse_of(located), tasks)
    await start_up.run(servers)
    if doubtful:  # a worker that is started again later need not look again
        del environment[_RECONCILE]
