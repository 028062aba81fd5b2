"""`pingfold dead-letters list`: events that could not be processed."""

import json as json_module

import msgspec
import typer

from infra.log.reading import read_to_end
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.options import Json
from pingfold.commands.tables import print_table
from schemas.dead_letters import DeadLetter
from schemas.times import to_second
from schemas.topics import DEAD_LETTERS


def list_dead_letters(json: Json = False) -> None:
    """List the events that could not be processed, with the reason, oldest first.

    Example: pingfold dead-letters list
    """
    letters = stored_dead_letters(Settings())
    if json:
        typer.echo(json_module.dumps([msgspec.to_builtins(letter) for letter in letters], indent=2))
        return
    head = ("time (UTC)", "topic/partition/offset", "key", "reason", "value")
    told = (
        (
            to_second(letter.at),
            place_of(letter),
            letter.key or "-",
            letter.reason,
            letter.value.decode(errors="replace"),
        )
        for letter in letters
    )
    print_table(head, told)


def place_of(letter: DeadLetter) -> str:
    """TOPIC/PARTITION/OFFSET of the event."""
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def stored_dead_letters(settings: Settings) -> list[DeadLetter]:
    """All that there are, oldest first. Raises `NotRead`."""
    decode = msgspec.json.Decoder(DeadLetter).decode
    letters = [
        decode(record.value) for record in read_to_end(answering_kafka_of(settings), DEAD_LETTERS) if record.value
    ]
    return sorted(letters, key=lambda letter: (letter.at, letter.topic, letter.partition, letter.offset))
