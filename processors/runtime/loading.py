"""Loading the states of one partition from its compacted topic, up to the `read_committed` end. Blocks."""

from typing import Any

import msgspec

from infra.log.admin import admin_client, end_offsets
from infra.log.reading import read_to_end
from schemas.topics import Topic


def load_states(
    bootstrap: str, topic: Topic, partition: int, records: msgspec.json.Decoder[Any], end: int | None = None
) -> dict[str, msgspec.Struct]:
    """The newest record of every key before the offset `end`; without it, all that is committed now.

    Raises `infra.log.reading.NotRead` when Kafka does not give it.
    """
    if end is None:
        end = end_offsets(admin_client(bootstrap), [(topic.name, partition)])[topic.name, partition]
    packed: dict[str, bytes] = {}
    for stored in read_to_end(bootstrap, topic, {partition: end}):
        key = (stored.key or b"").decode()
        if stored.value is None:
            packed.pop(key, None)
        else:
            packed[key] = stored.value
    return {key: records.decode(value) for key, value in packed.items()}
