"""Events and states as they stood in Kafka when they were recorded: `tests/fixtures/recorded/TOPIC.jsonl`.

What Kafka keeps for ever must be readable for ever: a line is added whenever a type or a field is; none is ever changed
or removed. Each line is an object:

    what        in words
    key, value  of the record
    decoded     every field of the value as it was understood then, defaults included
    canonical   false when Pingfold itself would write the same value in other words (an operator's record, or
              one with its fields in another order)
"""

from pathlib import Path
from typing import Any

import msgspec

from schemas.topics import TOPICS, Topic

FOLDER = Path(__file__).parent / "fixtures" / "recorded"


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line. `value` holds the JSON bytes."""

    what: str
    key: str
    value: msgspec.Raw
    decoded: dict[str, Any]
    canonical: bool = True

    @property
    def tag(self) -> str:
        """The type of the value."""
        return str(self.decoded["type"])


def recorded(topic: Topic) -> list[Recorded]:
    """The records of one topic, in the order of the file."""
    lines = (FOLDER / f"{topic.name}.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Recorded) for line in lines]


def all_recorded() -> list[tuple[Topic, Recorded]]:
    """The records of every topic."""
    return [(topic, record) for topic in TOPICS for record in recorded(topic)]
