"""What a ping server has appended to the journal of pings, read from the real Kafka."""

import time

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.log.admin import partition_count
from infra.log.cluster import client_config
from infra.log.partitioner import partition_of
from schemas.pings import Ping, PingsEvent
from schemas.ticks import Tick
from schemas.topics import PINGS
from tests.ping_server import PingServer

_decode = msgspec.json.Decoder(PingsEvent).decode


class Journal:
    """The events of a server's check and source since it was made."""

    def __init__(self, bootstrap: str, server: PingServer) -> None:
        self._server = server
        number = partition_of(server.check.encode(), partition_count(bootstrap))
        self._bootstrap = bootstrap
        self._consumer = self._new_consumer()
        self._from = TopicPartition(PINGS.name, number)
        self._from.offset = self._end()

    def _end(self) -> int:
        deadline = time.monotonic() + 60
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(self._from, timeout=10)[1])
            except KafkaException:  # a broker that was frozen finds its partitions again
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                self._consumer.close()
                self._consumer = self._new_consumer()  # the old one asks for minutes nobody where they are

    def _new_consumer(self) -> Consumer:
        config = {"group.id": "none", "enable.auto.commit": False, "log_level": 0}
        return Consumer({**client_config(self._bootstrap), **config})

    def read(self) -> tuple[list[Ping], list[Tick]]:
        count = self._end() - self._from.offset
        self._consumer.assign([self._from])
        pings, ticks = [], []
        for message in self._consumer.consume(count, timeout=60) if count else []:
            event = _decode(message.value())
            if isinstance(event, Ping) and message.key() == self._server.check.encode():
                pings.append(event)
            elif isinstance(event, Tick) and event.slot.startswith("test-"):
                ticks.append(event)
        return pings, ticks

    def pings(self) -> list[Ping]:
        return self.read()[0]
