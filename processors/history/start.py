"""Where the history writer continues if a journal no longer has the next record, because retention deleted it.

The consumer stops there instead of jumping by itself (`auto.offset.reset` is `error`). Reading continues at the present
beginning of the journal; the loss is logged, counted, and recorded as a row of `lost_records`. A partition that was
never read is read from its beginning.
"""

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra import metrics as metrics_table
from processors.history.rows import Row

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0

_GONE = metrics_table.HISTORY_EVENTS_GONE.create()


class Starts:
    """The partitions whose next record is not there."""

    def __init__(self) -> None:
        self._astray: dict[tuple[str, int], int | None] = {}
        # Where partitions were told to go on; it counts until something has been read there.
        self._begins: dict[tuple[str, int], int] = {}

    def astray(self, topic: str, part: int, wanted: int | None) -> None:
        """The record at `wanted` is not there; None: the partition was never read."""
        self._astray[topic, part] = wanted

    def gave_up(self, topic: str, part: int) -> None:
        """The partition is somebody else's."""
        self._astray.pop((topic, part), None)
        self._begins.pop((topic, part), None)

    def settle(self, consumer: Consumer) -> list[Row]:
        """Let reading go on where the partitions begin; rows of `lost_records`. What Kafka does not answer now is
        settled by a later call."""
        if not self._astray:
            return []
        rows: list[Row] = []
        try:
            for (topic, part), wanted in self._astray.items():
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=_LOOK_SECONDS)
                self._begins[topic, part] = low
                rows += _told(topic, part, wanted, low, high)
            # A partition that stands still cannot be moved: all are assigned anew, each where it has come to.
            places = consumer.position(consumer.assignment())
            for place in places:
                key = (place.topic, place.partition)
                if key in self._astray or place.offset < 0:
                    place.offset = self._begins.get(key, place.offset)
            consumer.assign(places)
        except KafkaException as error:
            log.warning("history.begin", error=str(error))
            return []
        self._astray.clear()
        return rows


def _told(topic: str, part: int, wanted: int | None, low: int, high: int) -> list[Row]:
    since = max(wanted or 0, 0)
    if since > high:
        log.error("history.journal_shorter", topic=topic, partition=part, read_to=since, end=high)
    if since >= low:
        return []
    log.error("history.events_gone", topic=topic, partition=part, since=since, until=low)
    _GONE.labels(topic).inc(low - since)
    return [(topic, part, since, low)]
