"""What all our Kafka clients share: how one that is lost for good is recognised, and how one is closed in bounded time.

A client that met a fatal error never works again, and says nothing more. Whoever uses it renews it, or lets its process
end with the reason, so that the supervisor starts it again. It is never left standing.
"""

import threading

from confluent_kafka import Consumer, KafkaError

_CLOSE_SECONDS = 3.0

# As a message, the error of a client that is lost has a code of its own and does not count as fatal.
_LOST = frozenset({KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID})


class ClientLost(Exception):
    """This client will never work again: make a new one."""


def is_lost(error: KafkaError) -> bool:
    """Whether the client that reports this error will never work again."""
    return error.fatal() or error.code() in _LOST


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
