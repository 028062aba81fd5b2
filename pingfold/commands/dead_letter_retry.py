"""`pingfold dead-letters retry`: puts events that could not be processed back into their topics."""

import asyncio
from typing import Annotated

import typer

from infra.log.sink import Sink
from infra.settings.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.commands.dead_letters import place_of, stored_dead_letters
from pingfold.errors import CommandFailed
from schemas.dead_letters import RETRIED_HEADER


def retry_dead_letters(
    where: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET of one event, or `all`.")],
) -> None:
    """Append the original events to their topics again. Pings and results appear in history and change no status; a
    request of `projects` is decided again, and may be carried out.

    Example: pingfold dead-letters retry pings/3/812
    """
    settings = Settings()
    chosen = [letter for letter in stored_dead_letters(settings) if where in ("all", place_of(letter))]
    if not chosen:
        raise CommandFailed(f"no dead letter {where}; `pingfold dead-letters list` shows them")

    async def put_back() -> None:
        sink = Sink(kafka_of(settings))
        headers = [[(RETRIED_HEADER, place_of(letter).encode())] for letter in chosen]
        await asyncio.gather(
            *(
                sink.put(letter.topic, letter.key, letter.value, letter.partition, header)
                for letter, header in zip(chosen, headers, strict=True)
            )
        )
        await sink.close()

    asyncio.run(put_back())
    typer.echo(f"appended {len(chosen)} events again")
