"""What a web process follows of the log, loaded and kept up to date: definitions, states, decisions, heartbeats,
uses of keys.

All of it is read at once at the start, which is what a start takes. When it is closed nothing is followed any more.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaException

from infra.clock import AdjustedClock, clock_of
from infra.clock_skew.reports import ClockReports
from infra.log.admin import installation_id
from infra.log.decisions import Decisions
from infra.log.definitions import Definitions
from infra.log.directory import Directory
from infra.log.progress import FoldProgress
from infra.log.replica import Replica
from infra.log.sink import Sink
from infra.log.startup_wait import StartupWait
from infra.process.tasks import persistent
from infra.settings.settings import Settings
from ingest.ping.other_sources import OtherSources
from pingfold.addresses import kafka_of
from query_api.state.delivery_states import DeliveryStates
from query_api.state.last_uses import LastUses
from query_api.state.states import MonitorStates, States
from schemas.check_states import CheckState
from schemas.topics import CHECK_STATES, DEFINITIONS, DELIVERY_STATES, HEARTBEATS, JOURNAL_OF, KEY_USES, MONITOR_STATES

# Each fetch that finds nothing costs the broker as much as one that finds an event.
_STATES_WAIT_MS = 250


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """`installation`: see `infra.log.admin.installation_id`."""

    bootstrap: str
    installation: str | None
    partitions: int
    clock: AdjustedClock
    sink: Sink
    directory: Directory
    definitions: Definitions
    states: States[CheckState]
    monitor_states: MonitorStates
    delivery_states: DeliveryStates
    running: Replica
    decisions: Decisions
    progress: FoldProgress
    peers: OtherSources
    clocks: ClockReports
    last_uses: LastUses


async def start_replicas(
    stack: contextlib.AsyncExitStack, settings: Settings, slot: str, waits: Callable[[str], None]
) -> Replicas:
    """Load everything, however long Kafka is away; `waits` is told why, each time. `stack` closes it."""
    bootstrap = kafka_of(settings)
    waiting = StartupWait(bootstrap, waits)
    while True:
        partitions = await waiting.partitions()
        async with contextlib.AsyncExitStack() as trying:
            try:
                followed = await _follow(trying, settings, bootstrap, partitions, slot)
            except (KafkaException, TimeoutError) as error:  # it has gone away again
                why = waiting.passing(error)
            else:
                stack.push_async_exit(trying.pop_all())
                return followed
        await waiting.pause(why)


async def _follow(
    stack: contextlib.AsyncExitStack, settings: Settings, bootstrap: str, partitions: int, slot: str
) -> Replicas:
    directory, progress = Directory(), FoldProgress(partitions)
    states, monitor_states, delivery_states = States(CheckState), MonitorStates(), DeliveryStates()
    peers, clocks, clock = OtherSources(slot), ClockReports(), clock_of(settings)
    last_uses = LastUses()
    sink = Sink(bootstrap)
    stack.push_async_callback(sink.close)
    defined = Replica(bootstrap, partitions, {DEFINITIONS: progress.listen(DEFINITIONS, directory.apply)})
    readers = {
        CHECK_STATES: states.apply,
        MONITOR_STATES: monitor_states.apply,
        DELIVERY_STATES: delivery_states.apply,
    }
    # The progress of a fold whose states nobody reads here is followed, too.
    others = [topic for topic in JOURNAL_OF if topic is not DEFINITIONS]
    # Few ask whether it has the end: for an incident, or a delivery, that is not there.
    running = Replica(
        bootstrap,
        partitions,
        {topic: progress.listen(topic, readers.get(topic)) for topic in others},
        wait_ms=_STATES_WAIT_MS,
    )
    beats = Replica(
        bootstrap, partitions, {HEARTBEATS: clocks.listen(peers.apply), KEY_USES: last_uses.apply}, wait_ms=500
    )
    decisions = Decisions(bootstrap, partitions, sink)
    for one in (defined, running, beats, decisions):
        stack.push_async_callback(one.close)
    *_, installation = await asyncio.gather(
        *(one.start() for one in (defined, running, beats, decisions)),
        asyncio.to_thread(installation_id, bootstrap),
    )
    progress.loaded()
    definitions = Definitions(defined, progress)
    learning = persistent(lambda: definitions.learn(bootstrap), "the look at requests")
    stack.callback(learning.cancel)
    clocks.begin(clock.now() - clock.offset)
    peers.begin(clock.now() - clock.offset)
    return Replicas(
        bootstrap=bootstrap,
        installation=installation,
        partitions=partitions,
        clock=clock,
        sink=sink,
        directory=directory,
        definitions=definitions,
        states=states,
        monitor_states=monitor_states,
        delivery_states=delivery_states,
        running=running,
        decisions=decisions,
        progress=progress,
        peers=peers,
        clocks=clocks,
        last_uses=last_uses,
    )
