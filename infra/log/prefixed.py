"""Kafka clients that add a prefix to all names they send to the cluster, and remove it from all names they receive.

Callers use the names of `schemas.topics`, and group and transactional ids, without the prefix. So two Pingfolds with
different prefixes never touch each other's topics. A query for all topics returns those with the prefix. A method with
names that is not translated here raises an error instead of being passed on.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NoReturn

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

# Called with the consumer and the partitions that it gets or loses.
from infra.log.callbacks import raising

Rebalanced = Callable[[Consumer, list[TopicPartition]], None]
Committed = Callable[[KafkaError | None, list[TopicPartition]], None]


# Of a message, besides its topic.
_FIELDS = ("partition", "offset", "key", "value", "headers", "error", "timestamp", "leader_epoch")


class _Found(TopicPartition):  # type: ignore[misc]  # the library tells no types
    """A partition as a client has answered it, its error included, under our name."""

    error: KafkaError | None = None


class PrefixedNames:
    """Our names, and those in the cluster."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def outer(self, name: str) -> str:
        """The name in the cluster."""
        return self._prefix + name

    def inner(self, name: str) -> str:
        """Our name."""
        return name.removeprefix(self._prefix)

    def outer_place(self, place: TopicPartition) -> TopicPartition:
        """The partition under its name in the cluster."""
        return TopicPartition(self.outer(place.topic), place.partition, place.offset, **_known(place))

    def outer_places(self, places: Iterable[TopicPartition]) -> list[TopicPartition]:
        """The partitions under their names in the cluster."""
        return [self.outer_place(place) for place in places]

    def inner_places(self, places: Iterable[TopicPartition]) -> list[TopicPartition]:
        """The partitions under our names."""
        found = []
        for place in places:
            one = _Found(self.inner(place.topic), place.partition, place.offset, **_known(place))
            one.error = place.error
            found.append(one)
        return found

    def inner_message(self, message: Message) -> Message:
        """The message under our name."""
        topic = message.topic()
        if topic is None:  # an error that is no topic's
            return message
        known = {field: getattr(message, field)() for field in _FIELDS}
        return Message(topic=self.inner(topic), **{name: value for name, value in known.items() if value is not None})

    def inner_metadata(self, metadata: Any) -> Any:
        """What is known of the cluster, with our topics alone."""
        ours = copy.copy(metadata)
        ours.topics = {
            self.inner(name): topic for name, topic in metadata.topics.items() if name.startswith(self._prefix)
        }
        return ours

    def outer_resource(self, resource: ConfigResource) -> ConfigResource:
        """What is described or altered, under its name in the cluster."""
        if resource.restype != ResourceType.TOPIC:
            return resource
        changes = {"incremental_configs": resource.incremental_configs} if resource.incremental_configs else {}
        return ConfigResource(resource.restype, self.outer(resource.name), **changes)


def _known(place: TopicPartition) -> dict[str, Any]:
    """What the library takes when there is one, and no None."""
    known = {"metadata": place.metadata, "leader_epoch": place.leader_epoch}
    return {name: value for name, value in known.items() if value is not None}


def _refused(self: object, *_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError("names are not translated here: add it to infra/log/prefixed.py")


class PrefixedProducer(Producer):  # type: ignore[misc]
    """A producer. `config` holds our transactional id, if any."""

    def __init__(self, prefix: str, config: Mapping[str, Any]) -> None:
        self._names = PrefixedNames(prefix)
        id = config.get("transactional.id")
        super().__init__({**config} if id is None else {**config, "transactional.id": self._names.outer(id)})

    def produce(self, topic: str, *args: Any, **kwargs: Any) -> None:
        super().produce(self._names.outer(topic), *args, **kwargs)

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        asked = (timeout,) if topic is None else (self._names.outer(topic), timeout)
        return self._names.inner_metadata(_listed(super().list_topics, *asked))

    produce_batch = send_offsets_to_transaction = _refused


class PrefixedConsumer(Consumer):  # type: ignore[misc]
    """A consumer. `config` holds our group id."""

    def __init__(self, prefix: str, config: Mapping[str, Any]) -> None:
        names = self._names = PrefixedNames(prefix)
        given = {**config, "group.id": names.outer(config["group.id"])}
        told: Committed | None = config.get("on_commit")
        if told is not None:
            given["on_commit"] = lambda error, places: told(error, names.inner_places(places))
        super().__init__(given)

    def subscribe(
        self,
        topics: list[str],
        on_assign: Rebalanced | None = None,
        on_revoke: Rebalanced | None = None,
        on_lost: Rebalanced | None = None,
    ) -> None:
        names, told = self._names, {"on_assign": on_assign, "on_revoke": on_revoke, "on_lost": on_lost}

        def translated(tell: Rebalanced) -> Rebalanced:
            return raising(lambda consumer, places: tell(consumer, names.inner_places(places)))

        calls = {which: translated(tell) for which, tell in told.items() if tell is not None}
        super().subscribe([names.outer(topic) for topic in topics], **calls)

    def poll(self, timeout: float = -1) -> Message | None:
        message = super().poll(timeout)
        return None if message is None else self._names.inner_message(message)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        return [self._names.inner_message(message) for message in super().consume(num_messages, timeout)]

    def assign(self, partitions: list[TopicPartition]) -> None:
        super().assign(self._names.outer_places(partitions))

    def assignment(self) -> list[TopicPartition]:
        return self._names.inner_places(super().assignment())

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool = True) -> Any:
        found = super().commit(offsets=self._names.outer_places(offsets), asynchronous=asynchronous)
        return None if found is None else self._names.inner_places(found)

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        return self._names.inner_places(super().committed(self._names.outer_places(partitions), timeout=timeout))

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return self._names.inner_places(super().position(self._names.outer_places(partitions)))

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        found = super().offsets_for_times(self._names.outer_places(partitions), timeout=timeout)
        return self._names.inner_places(found)

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        outer = self._names.outer_place(partition)
        low, high = super().get_watermark_offsets(outer, timeout=timeout, cached=cached)
        return low, high

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        asked = (timeout,) if topic is None else (self._names.outer(topic), timeout)
        return self._names.inner_metadata(_listed(super().list_topics, *asked))

    incremental_assign = incremental_unassign = pause = resume = seek = store_offsets = _refused


def _listed(ask: Callable[..., Any], *asked: Any) -> Any:
    """librdkafka's clients take no None for "all topics"."""
    return ask(timeout=asked[0]) if len(asked) == 1 else ask(asked[0], timeout=asked[1])


class PrefixedAdmin:
    """Of an admin client, what Pingfold uses."""

    def __init__(self, prefix: str, config: Mapping[str, Any]) -> None:
        self._names = PrefixedNames(prefix)
        self._client = AdminClient(dict(config))

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """See `AdminClient`; our topics alone."""
        asked = (timeout,) if topic is None else (self._names.outer(topic), timeout)
        return self._names.inner_metadata(_listed(self._client.list_topics, *asked))

    def poll(self, timeout: float = -1) -> Any:
        """See `AdminClient`."""
        return self._client.poll(timeout)

    def create_topics(self, topics: Sequence[NewTopic], **options: Any) -> dict[str, "Future[None]"]:
        """See `AdminClient`."""
        outer = [
            NewTopic(self._names.outer(one.topic), one.num_partitions, one.replication_factor, config=one.config)
            for one in topics
        ]
        return {self._names.inner(name): made for name, made in self._client.create_topics(outer, **options).items()}

    def list_offsets(
        self, asked: Mapping[TopicPartition, OffsetSpec], **options: Any
    ) -> dict[TopicPartition, "Future[Any]"]:
        """See `AdminClient`."""
        ours = {(self._names.outer(place.topic), place.partition): place for place in asked}
        found = self._client.list_offsets({self._names.outer_place(tp): spec for tp, spec in asked.items()}, **options)
        return {ours[place.topic, place.partition]: answer for place, answer in found.items()}

    def describe_configs(self, resources: Sequence[ConfigResource], **options: Any) -> dict[Any, "Future[Any]"]:
        """See `AdminClient`."""
        outer = {self._names.outer_resource(one): one for one in resources}
        return {outer[one]: found for one, found in self._client.describe_configs(list(outer), **options).items()}

    def incremental_alter_configs(self, resources: Sequence[ConfigResource], **options: Any) -> dict[Any, Any]:
        """See `AdminClient`."""
        outer = {self._names.outer_resource(one): one for one in resources}
        found = self._client.incremental_alter_configs(list(outer), **options)
        return {outer[one]: altered for one, altered in found.items()}
