"""`pingfold dead-letters retry`: appends events that could not be processed to their topics again, and reports events
that have no effect then."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import msgspec
import typer

from infra.log.sink import Sink
from infra.settings.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.commands.dead_letters import place_of, stored_dead_letters
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from schemas.dead_letters import RETRIED_HEADER, DeadLetter

_SAID = "what somebody said of an incident counts when it is said: say it again"
_CHANNEL = "channels are not moved by what is out of date: change the channel, and it is sent again"
_POLICY = (
    "a policy counts only where it is known, and not in a newer version: change it "
    "(PATCH /api/v1/escalation-policies/<id>), and it is sent everywhere"
)
_PAUSE = "checks are not moved by what is out of date: pause or resume the check again"
# Events that the folds pass over, some of them or all, when they are put back, and what to do instead.
_PASSED_OVER: Mapping[str, str] = {
    "incident.acknowledged": _SAID,
    "incident.commented": _SAID,
    "escalation.defined": _POLICY,
    "escalation.removed": _POLICY,
    "endpoint.defined": _CHANNEL,
    "endpoint.removed": _CHANNEL,
    "check.paused": _PAUSE,
    "check.resumed": _PAUSE,
}


class _Tagged(msgspec.Struct):
    type: str = ""


def retry_dead_letters(
    where: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET of one event, or `all`.")],
) -> None:
    """Append the original events to their topics again. Pings and results appear in history, but change no status.
    Requests in `projects` are decided again, and may be carried out. The command lists events that it skips.

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
    say(*passed_over(chosen))


def passed_over(letters: Iterable[DeadLetter]) -> Iterator[str]:
    """A line for each type of event of which nothing may come, and what to do instead."""
    for type, count in sorted(Counter(map(_type_of, letters)).items()):
        if words := _PASSED_OVER.get(type):
            yield f"{count} of them {'is' if count == 1 else 'are'} {type}: {words}"


def _type_of(letter: DeadLetter) -> str:
    try:
        return msgspec.json.decode(letter.value, type=_Tagged).type
    except msgspec.MsgspecError:
        return ""
