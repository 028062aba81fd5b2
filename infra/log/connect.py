"""Creates Kafka clients, with the login and the prefix of the cluster.

Without a prefix these are the library's own classes, but for the callbacks of consumers (`infra.log.callbacks`).
`processors.runtime` creates Faust's clients.
"""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from infra.log.callbacks import raising
from infra.log.cluster import client_config, prefix_of
from infra.log.prefixed import PrefixedAdmin, PrefixedConsumer, PrefixedProducer


class _Consumer(Consumer):  # type: ignore[misc]
    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        super().subscribe(topics, **{name: raising(call) for name, call in callbacks.items()})


def new_consumer(bootstrap: str, config: Mapping[str, Any]) -> Consumer:
    """config: what it needs besides the way to the cluster; its group id without prefix."""
    given, prefix = {**client_config(bootstrap), **config}, prefix_of(bootstrap)
    if "on_commit" in given:
        given["on_commit"] = raising(given["on_commit"])
    return PrefixedConsumer(prefix, given) if prefix else _Consumer(given)


def new_producer(bootstrap: str, config: Mapping[str, Any]) -> Producer:
    """config: what it needs besides the way to the cluster; its transactional id, if any, without prefix."""
    given, prefix = {**client_config(bootstrap), **config}, prefix_of(bootstrap)
    return PrefixedProducer(prefix, given) if prefix else Producer(given)


def new_admin(bootstrap: str, config: Mapping[str, Any]) -> AdminClient | PrefixedAdmin:
    """config: what it needs besides the way to the cluster."""
    given, prefix = {**client_config(bootstrap), **config}, prefix_of(bootstrap)
    return PrefixedAdmin(prefix, given) if prefix else AdminClient(given)
