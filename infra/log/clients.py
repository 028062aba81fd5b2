"""What all Kafka clients share: how a permanent failure is recognised, and how a client is closed in bounded time.

A client that met a fatal error never works again, without further errors. Its owner must replace it, or end the process
with the reason, so that the supervisor restarts it.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException

from infra.errors import InfraError

if TYPE_CHECKING:  # commands have no watchdog
    from infra.process.liveness import Activity

_CLOSE_SECONDS = 3.0
# What says that Kafka cannot be reached now; whatever else it answers does not pass by itself.
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._RESOLVE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
    }
)
# A consumer to which nothing comes is asked so often whether it still finds its broker, and given so long to answer.
_ASK_SECONDS = 10.0
_ANSWER_SECONDS = 5.0

# As a message, the error of a client that is lost has a code of its own and does not count as fatal.
_LOST = frozenset({KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID})


class ClientLost(InfraError):
    """This client will never work again: make a new one."""


def is_lost(error: KafkaError) -> bool:
    """Whether the client that reports this error will never work again."""
    return error.fatal() or error.code() in _LOST


def passes(error: KafkaError) -> bool:
    """Whether the same question may be answered in a while, with nothing changed by anybody."""
    return bool(error.retriable()) or error.code() in _PASSING


def raise_if_lost(error: KafkaError, client: str) -> None:
    """Raise `ClientLost`, which names the client, if it is."""
    if is_lost(error):
        raise ClientLost(f"the Kafka client {client} is lost: {error.str()}")


def close_consumer(consumer: Consumer, seconds: float = _CLOSE_SECONDS) -> bool:
    """Leave the group and close, in a thread of its own; False when that takes longer, as it may without a broker."""
    closing = threading.Thread(target=consumer.close, name="closing", daemon=True)
    closing.start()
    closing.join(seconds)
    return not closing.is_alive()


class Pulse:
    """Beats `activity` as long as a consumer works: something comes, or it still finds its broker when asked.

    After its broker was away again and again a client may fail to find it for ever, and say nothing: to whoever polls
    it looks idle. The activity must need "kafka", so that only the time counts in which the broker is there.
    """

    def __init__(self, activity: "Activity", topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._activity, self._topic, self._clock = activity, topic, clock
        self._asked_at = clock()
        self._works = True

    def turn(self, consumer: Consumer, came: bool) -> None:
        """To be called after each poll; `came`: it brought something."""
        now = self._clock()
        if came:
            self._works, self._asked_at = True, now
        elif now - self._asked_at >= _ASK_SECONDS:
            self._works, self._asked_at = self._finds_broker(consumer), self._clock()
        if self._works:
            self._activity.beat()

    def _finds_broker(self, consumer: Consumer) -> bool:
        try:
            consumer.list_topics(self._topic, _ANSWER_SECONDS)
        except KafkaException:
            return False
        return True
