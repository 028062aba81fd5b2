"""The ticker process."""

import asyncio

from infra.clock import clock_of
from infra.clock_skew.watch import ClockWatch
from infra.log.progress import FoldProgress
from infra.log.replica import Replica
from infra.log.sink import Sink
from infra.log.startup_wait import StartupWait
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent
from infra.settings.settings import Settings
from ingest.ticker import Ticker
from pingfold.addresses import kafka_of
from schemas.topics import JOURNAL_OF


async def tick(settings: Settings, slot: str, stop: Stop) -> None:
    """Run until stopped."""
    bootstrap = kafka_of(settings)
    partitions = await StartupWait(bootstrap).partitions()
    sink, dues = Sink(bootstrap), FoldProgress(partitions)
    states = Replica(
        bootstrap,
        partitions,
        {states: dues.listen(states) for states, journal in JOURNAL_OF.items() if journal.ticked},
        from_end=True,
        wait_ms=500,
    )
    stop.started()
    # Ticks do not wait for it: while nothing is known of a partition it is ticked every second.
    starting = asyncio.create_task(states.start())
    starting.add_done_callback(lambda task: stop.set() if not task.cancelled() and task.exception() else None)
    clock = clock_of(settings)
    watch = ClockWatch(sink, clock, "ticker", f"ticker-{slot}")
    watching = persistent(watch.keep_looking, name="clock-watch")
    await Ticker(settings, clock, sink, partitions, dues).run(stop)
    watching.cancel()
    if starting.done():
        starting.result()  # the process ends with its fault, and is started again
    starting.cancel()
    await states.close()
    await sink.close()
