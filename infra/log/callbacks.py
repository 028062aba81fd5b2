"""Callbacks of Kafka clients, so that what they raise reaches whoever called the client.

confluent-kafka keeps an exception of a callback, and raises it where the client was called. One that its own C code has
raised is not complete by then: in its place comes a `KafkaError`, which is no exception. Nothing catches that, so the
thread ends, and whoever waits for its result waits for ever. An exception that has passed an `except` is complete.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def raising(call: Callable[P, T]) -> Callable[P, T]:
    """The same callback, for a client."""

    def called(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(*arguments, **named)
        except BaseException:
            raise

    return called
