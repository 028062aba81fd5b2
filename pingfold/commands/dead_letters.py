"""`pingfold dead-letters`: events that could not be processed."""

import asyncio
import json as json_module
from typing import Annotated

import msgspec
import typer

from infra.log.reading import read_to_end
from infra.log.sink import Sink
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of, kafka_of
from pingfold.commands.options import Json
from pingfold.commands.tables import print_table
from pingfold.errors import CommandFailed
from schemas.dead_letters import RETRIED_HEADER, DeadLetter
from schemas.times import to_second
from schemas.topics import DEAD_LETTERS


def list_dead_letters(json: Json = False) -> None:
    """List the events that could not be processed, with the reason, oldest first.

    Example: pingfold dead-letters list
    """
    letters = _dead_letters(Settings())
    if json:
        typer.echo(json_module.dumps([msgspec.to_builtins(letter) for letter in letters], indent=2))
        return
    head = ("time (UTC)", "topic/partition/offset", "key", "reason", "value")
    told = (
        (to_second(letter.at), _where(letter), letter.key or "-", letter.reason, letter.value.decode(errors="replace"))
        for letter in letters
    )
    print_table(head, told)


def retry_dead_letters(
    where: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET of one event, or `all`.")],
) -> None:
    """Append the original events to their topics again. Pings and results appear in history and change no status; a
    request of `projects` is decided again, and may be carried out.

    Example: pingfold dead-letters retry pings/3/812
    """
    settings = Settings()
    chosen = [letter for letter in _dead_letters(settings) if where in ("all", _where(letter))]
    if not chosen:
        raise CommandFailed(f"no dead letter {where}; `pingfold dead-letters list` shows them")

    async def put_back() -> None:
        sink = Sink(kafka_of(settings))
        headers = [[(RETRIED_HEADER, _where(letter).encode())] for letter in chosen]
        await asyncio.gather(
            *(
                sink.put(letter.topic, letter.key, letter.value, letter.partition, header)
                for letter, header in zip(chosen, headers, strict=True)
            )
        )
        await sink.close()

    asyncio.run(put_back())
    typer.echo(f"appended {len(chosen)} events again")


def _where(letter: DeadLetter) -> str:
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def _dead_letters(settings: Settings) -> list[DeadLetter]:
    decode = msgspec.json.Decoder(DeadLetter).decode
    letters = [
        decode(record.value) for record in read_to_end(answering_kafka_of(settings), DEAD_LETTERS) if record.value
    ]
    return sorted(letters, key=lambda letter: (letter.at, letter.topic, letter.partition, letter.offset))
