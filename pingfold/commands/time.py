"""`pingfold time`: corrects the time of partitions after a wrong clock has moved it ahead."""

import asyncio
from typing import Annotated

import typer

from infra.log.admin import partition_count
from infra.log.sink import Sink
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.os_user import operator
from schemas.base import encode
from schemas.ticks import TimeCorrected
from schemas.topics import JOURNALS


def mend(reason: Annotated[str, typer.Option(help="Reason, recorded in the log.")] = "") -> None:
    """Set the time of partitions back to Kafka's clock if it is ahead. Correct Kafka's clock first.

    Future times in states are set to the same time. Other partitions do not change.

    Example: pingfold time mend --reason "clock of host a was ahead"
    """
    count = asyncio.run(_mend(answering_kafka_of(Settings()), reason))
    typer.echo(f"told {count} partitions: where the time was ahead of Kafka's clock it goes back to it")


async def _mend(bootstrap: str, reason: str) -> int:
    partitions = await asyncio.to_thread(partition_count, bootstrap)
    sink = Sink(bootstrap)
    try:
        value = encode(TimeCorrected(reason=reason, actor=operator()))
        places = [(journal, number) for journal in JOURNALS for number in range(partitions)]
        await asyncio.gather(*(sink.put(journal, None, value, number) for journal, number in places))
        return len(places)
    finally:
        await sink.close()
