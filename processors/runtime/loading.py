"""Loading the states of one partition from its compacted topic, up to the `read_committed` end. Blocks."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.log.admin import admin_client, end_offsets
from infra.log.catching_up import CatchingUp
from infra.log.reading import NotRead, read_to_end
from processors.errors import ProcessorError
from processors.fold.epochs import NewerStates, epochs_of, must_be_known, must_not_be_newer
from processors.fold.packed import PLAIN, Packer
from processors.fold.view import View
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import Topic

# A broker that has just started knows its partitions after a moment.
_PATIENCE_SECONDS = 30.0
_LOOK_RECORDS = 5_000


class Abandoned(ProcessorError):
    """The states are not needed any more: stop loading."""


class Loading:
    """How far the loading of one partition's states has come: written by the thread that loads, read by any.

    steps: grows with everything that is done, so who does not see it grow sees that nothing is done.
    abandoned: set by whoever does not want the states any more; the thread ends soon, with `Abandoned`.
    """

    def __init__(self, topic: Topic, partition: int) -> None:
        self.steps = 0
        self.abandoned = False
        self.reading = CatchingUp("fold.loading", states=f"{topic}/{partition}")

    def look(self) -> None:
        """Raise `Abandoned` if it is."""
        if self.abandoned:
            raise Abandoned


class CountedView(View):
    """A view whose walks through all its records are steps of its loading: indexes and wheels are built by them."""

    def __init__(self, records: Mapping[str, msgspec.Struct | bytes], loading: Loading) -> None:
        super().__init__(records)
        self._loading = loading

    def _walk(self) -> Iterator[tuple[str, msgspec.Struct | bytes]]:
        for item in super()._walk():
            self._loading.steps += 1
            yield item


def load_states(
    bootstrap: str,
    topic: Topic,
    partition: int,
    records: msgspec.json.Decoder[Any],
    end: int | None = None,
    version: int | None = None,
    packer: Packer = PLAIN,
    loading: "Loading | None" = None,
) -> dict[str, Any]:
    """The newest record of every key before the offset `end`; without it, all that is committed now.

    `version`: of the fold that is going to write them; raises `processors.fold.epochs.NewerStates` when it would lose
    some of what stands there. `packer`: of that fold; what it packs is given packed. Raises `infra.log.reading.NotRead`
    when Kafka does not give it, `Abandoned` when `loading`, which is kept current, says so.
    """
    loading = loading or Loading(topic, partition)
    if end is None:
        end = _end(bootstrap, topic, partition, loading)
    loading.reading.expect(end)
    packed: dict[str, bytes] = {}
    for stored in read_to_end(bootstrap, topic, {partition: end}):
        loading.steps += 1
        if loading.steps % _LOOK_RECORDS == 0:
            loading.reading.moved(stored.offset + 1)
            loading.look()
        key = (stored.key or b"").decode()
        if stored.value is None:
            packed.pop(key, None)
        else:
            packed[key] = stored.value
    loading.reading.moved(end)
    if version is None:
        return {key: records.decode(value) for key, value in packed.items()}
    return decoded(f"{topic}/{partition}", packed, records, version, loading, packer)


def decoded(
    states: str,
    packed: dict[str, bytes],
    records: msgspec.json.Decoder[Any],
    version: int,
    loading: "Loading",
    packer: Packer = PLAIN,
) -> dict[str, msgspec.Struct | bytes]:
    """The records as a view takes them, if `version` of the fold knows all that is in them; empties `packed`."""
    progress = records.decode(packed[PROGRESS_KEY]) if PROGRESS_KEY in packed else Progress()
    must_not_be_newer(states, progress, version)
    epochs = epochs_of(progress)
    same = bool(epochs) and epochs[-1].fold == version
    found: dict[str, msgspec.Struct | bytes] = {}
    for key in list(packed):
        value = packed.pop(key)
        loading.steps += 1
        if loading.steps % _LOOK_RECORDS == 0:
            loading.look()
        try:
            record = records.decode(value)
        except msgspec.MsgspecError as error:
            raise NewerStates(f"{states} holds, under {key}, what this program cannot read: {error}") from error
        if same:
            must_be_known(states, key, value, record)
        pack = packer.pack.get(type(record))
        found[key] = record if pack is None else pack(record)
    return found


def _end(bootstrap: str, topic: Topic, partition: int, loading: Loading) -> int:
    admin, deadline = admin_client(bootstrap), time.monotonic() + _PATIENCE_SECONDS
    while True:
        loading.steps += 1
        try:
            return end_offsets(admin, [(topic.name, partition)])[topic.name, partition]
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise NotRead(f"{topic}/{partition}: its end is not known: {error}") from error
            time.sleep(0.2)


def first_offset(bootstrap: str, topic: Topic, partition: int) -> int:
    """Where a partition begins: what was before is gone by retention, or was deleted by an operator."""
    admin = admin_client(bootstrap)
    futures = admin.list_offsets({TopicPartition(topic.name, partition): OffsetSpec.earliest()}, request_timeout=10.0)
    return next(int(future.result(10.0).offset) for future in futures.values())
