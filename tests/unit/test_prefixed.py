"""The prefix of a shared cluster: which names get it, and that no client is made, nor called, past it."""

import ast
import inspect
from itertools import permutations
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from pydantic import ValidationError

from infra.log.cluster import Cluster, cluster_of, prefix_of
from infra.log.connect import new_admin, new_consumer, new_producer
from infra.log.prefixed import _FIELDS, PrefixedAdmin, PrefixedConsumer, PrefixedNames, PrefixedProducer
from infra.settings.settings import Settings
from schemas.topics import TOPICS
from tests.source_tree import modules

# Where clients of confluent-kafka may be made; the embedded broker is asked for all that it has, whosever it is.
MAKERS = {"infra.log.connect", "infra.log.prefixed", "infra.embedded.kafka"}
CLIENTS = {"Consumer", "Producer", "AdminClient"}
# Methods that neither take nor give the name of a topic, a group or a transactional id.
NAMELESS = {
    Consumer: {"unsubscribe", "unassign", "close", "cluster_id", "memberid", "set_sasl_credentials"}
    | {"consumer_group_metadata"},
    Producer: {"poll", "flush", "purge", "abort_transaction", "begin_transaction", "commit_transaction"}
    | {"init_transactions", "cluster_id", "set_sasl_credentials", "close"},
}


def test_no_two_prefixes_give_the_same_name() -> None:
    """Else one name would be the end of another."""
    names = [topic.name for topic in TOPICS]
    assert [(one, other) for one, other in permutations(names, 2) if one.endswith(other)] == []


def test_all_clients_are_made_in_one_place() -> None:
    found = {
        name
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLIENTS
    }
    assert found <= MAKERS


@pytest.mark.parametrize(("plain", "ours"), [(Consumer, PrefixedConsumer), (Producer, PrefixedProducer)])
def test_every_method_of_a_client_is_translated_or_has_no_names(plain: Any, ours: type) -> None:
    """A version of the library with a new one shows here."""
    offered = {name for name, _ in inspect.getmembers(plain, callable) if not name.startswith("_")}
    assert offered - set(vars(ours)) == NAMELESS[plain]


def test_without_a_prefix_the_clients_are_the_library_s_own() -> None:
    cluster = Cluster("127.0.0.1:1")
    consumer = new_consumer(cluster, {"group.id": "g"})
    assert not isinstance(consumer, PrefixedConsumer)
    consumer.close()
    assert type(new_producer(cluster, {})) is Producer
    assert not isinstance(new_admin(cluster, {}), PrefixedAdmin)


def test_what_is_not_translated_is_refused() -> None:
    consumer = new_consumer(Cluster("127.0.0.1:1", prefix="team."), {"group.id": "g", "log_level": 0})
    try:
        with pytest.raises(NotImplementedError):
            consumer.seek(TopicPartition("pings", 0, 0))
    finally:
        consumer.close()


def test_a_message_keeps_all_but_its_topic() -> None:
    error, headers = KafkaError(KafkaError._PARTITION_EOF, "the end"), [("name", b"value")]
    given: dict[str, Any] = {
        "partition": 3,
        "offset": 7,
        "key": b"k",
        "value": b"v",
        "timestamp": (2, 99),
        "leader_epoch": 5,
    }
    messages = [Message(topic="team.pings", **given, **more) for more in ({"headers": headers}, {"error": error})]
    del given["value"]
    messages += [Message(topic="team.pings", **given), Message(topic="team.pings", error=error)]
    for message in messages:
        inner = PrefixedNames("team.").inner_message(message)
        assert inner.topic() == "pings"
        for field in _FIELDS:
            assert getattr(inner, field)() == getattr(message, field)(), field


def test_a_partition_keeps_all_but_its_topic() -> None:
    [inner] = PrefixedNames("team.").inner_places([TopicPartition("team.pings", 3, 7, "sign", 5)])
    known = inner.topic, inner.partition, inner.offset, inner.metadata, inner.leader_epoch, inner.error
    assert known == ("pings", 3, 7, "sign", 5, None)
    outer = PrefixedNames("team.").outer_place(inner)
    assert (type(outer), outer.topic) == (TopicPartition, "team.pings")
    assert (outer.partition, outer.offset, outer.metadata, outer.leader_epoch) == (3, 7, "sign", 5)


def test_the_setting() -> None:
    settings = Settings(kafka_prefix="team.a_b-", kafka_bootstrap_servers="127.0.0.1:1")
    assert prefix_of(cluster_of(settings, "127.0.0.1:1")) == "team.a_b-"
    assert prefix_of(cluster_of(settings, "127.0.0.1:1").at("127.0.0.1:2")) == "team.a_b-"
    assert prefix_of(cluster_of(Settings(), "127.0.0.1:1")) == prefix_of("127.0.0.1:1") == ""
    for wrong in ("a b", "ä", "a/b", "x" * 101):
        with pytest.raises(ValidationError):
            Settings(kafka_prefix=wrong)
