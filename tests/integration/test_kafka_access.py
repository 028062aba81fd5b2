"""Every kind of client on a broker that is closed by SCRAM, by TLS and by client certificates, and on a shared cluster.

Three installations of the same folds, each with another way in and another prefix, work on one broker at once. What
they store is what a pure pass gives for each, so none has seen anything of another.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.availability import kafka_answers, kafka_fault
from infra.embedded.ports import HOST, remembered
from infra.log.admin import WrongPartitionCount, admin_client, migrate, partition_count
from infra.log.cluster import Cluster, client_config
from infra.log.group_progress import GroupProgress
from infra.log.groups import GroupOffsets
from infra.log.reading import read_to_end
from infra.log.replica import Replica
from infra.log.sink import Sink
from ingest.prober.assignment import Assignment, group_of
from schemas.topics import DEAD_LETTERS, HEARTBEATS, MONITOR_STATES
from tests.certificates import Authority
from tests.pingfold_client import wait_until
from tests.stack import NEVER_KILLED, Server, start_kafka
from tests.toy_world import World

pytestmark = pytest.mark.stack

USER, PASSWORD, CLIENT = "of-scram", "a password of this test", "Client of this test"
# The partitions of Pingfold's own topics.
COUNT = 2


@dataclass
class Closed:
    """A broker, what its clients trust, and the ways in: clusters without prefix."""

    server: Server
    folder: Path
    authority: Authority
    ways: dict[str, Cluster]

    def at(self, way: str, prefix: str = "", **security: str) -> Cluster:
        """A cluster by one of the ways, with other settings."""
        given = {**self.ways[way].security, **security}
        return Cluster(self.ways[way], given, prefix)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    data = tmp_path_factory.mktemp("closed")
    authority = Authority(data)
    names = ("kafka", "kafka-controller", "scram", "encrypted", "mutual")
    ports = {name: remembered(data, name) for name in names}
    shown = authority.pair("Broker of this test", HOST)
    mine = authority.pair(CLIENT, "client.invalid", password=PASSWORD)
    listeners = {
        "BROKER": "SASL_PLAINTEXT",
        "CONTROLLER": "SASL_PLAINTEXT",
        "SCRAM": "SASL_PLAINTEXT",
        "ENCRYPTED": "SASL_SSL",
        "MUTUAL": "SSL",
    }
    addresses = ",".join(f"{name}://{HOST}:{port}" for name, port in zip(listeners, ports.values(), strict=True))
    more = {
        "listeners": addresses,
        "advertised.listeners": addresses,
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in listeners.items()),
        "super.users": f"User:pingfold;User:{USER};User:CN={CLIENT}",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(shown),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.mutual.ssl.client.auth": "required",
    }
    for listener in ("scram", "encrypted"):
        more[f"listener.name.{listener}.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
        for mechanism in ("256", "512"):
            module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            more[f"listener.name.{listener}.scram-sha-{mechanism}.sasl.jaas.config"] = module
    server = start_kafka(data, more=NEVER_KILLED + "".join(f"{name}={value}\n" for name, value in more.items()))
    _let_in(server.address)
    login = {"sasl.username": USER, "sasl.password": PASSWORD}
    trust = {"ssl.ca.location": str(authority.file)}
    ways = {
        "scram": {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", **login},
        "encrypted": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", **login, **trust},
        "mutual": {
            "security.protocol": "SSL",
            "ssl.certificate.location": str(mine),
            "ssl.key.location": str(mine),
            "ssl.key.password": PASSWORD,
            **trust,
        },
    }
    yield Closed(
        server,
        data,
        authority,
        {name: Cluster(f"{HOST}:{ports[name]}", security) for name, security in ways.items()},
    )
    server.stop()


def _let_in(address: str) -> None:
    admin = AdminClient(client_config(address))
    wanted = [
        UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4_096), PASSWORD.encode())
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
    ]
    for one in wanted:
        for made in admin.alter_user_scram_credentials([one]).values():
            made.result(20)


def test_installations_with_prefixes_share_a_cluster_by_every_way_in(closed: Closed, tmp_path: Path) -> None:
    worlds = {way: World(closed.at(way, f"team-{way}."), "toy", tmp_path / way, count=COUNT) for way in closed.ways}
    try:
        for number, world in enumerate(worlds.values()):
            world.start()
            for event in range(200 * (number + 1)):
                world.add(f"thing-{event % 10}", event)
            world.put("thing-0", b"nobody can fold this")
        for world in worlds.values():
            world.settle(120)
            world.check()
            assert len(world.letters()) == 1
            assert world.workers[0].stop() == 0, world.said()
    finally:
        for world in worlds.values():
            world.close()
    admin = AdminClient(client_config(closed.server.address))
    topics = {name for name in admin.list_topics(timeout=20).topics if not name.startswith("__")}
    groups = {found.group_id for found in admin.list_consumer_groups(request_timeout=20).result(20).valid}
    prefixes = tuple(f"team-{way}." for way in closed.ways)
    assert {name for name in topics | groups if not name.startswith((*prefixes, "other-"))} == set()
    assert {f"{prefix}toy" for prefix in prefixes} <= groups


@pytest.mark.parametrize("way", ["scram", "encrypted", "mutual"])
async def test_the_clients_of_web_processes_and_probers(closed: Closed, way: str) -> None:
    cluster, owned = closed.at(way, f"other-{way}-"), set[int]()
    assert await asyncio.to_thread(migrate, cluster, COUNT) == COUNT
    assert await asyncio.to_thread(migrate, cluster, COUNT, 30.0, {DEAD_LETTERS.name: 3_600_000}) == COUNT
    heard: list[tuple[int, str, bytes | None]] = []
    sink = Sink(cluster)
    replica = Replica(cluster, COUNT, {HEARTBEATS: lambda *record: heard.append(record)})
    assignment = Assignment(cluster, "riga", "0", lambda *_: None, owned.add, owned.discard)
    try:
        await sink.put(HEARTBEATS, "a", b"1", 1)
        await replica.start()
        await sink.put(HEARTBEATS, "b", b"2", 0)
        assert await replica.caught_up(20)
        assert sorted(heard) == [(0, "b", b"2"), (1, "a", b"1")]
        stored = await asyncio.to_thread(lambda: list(read_to_end(cluster, HEARTBEATS)))
        assert [(one.partition, one.key, one.value) for one in stored] == [(0, b"b", b"2"), (1, b"a", b"1")]
        assignment.start()
        places = [(MONITOR_STATES.name, number) for number in range(COUNT)]
        signs = GroupOffsets(cluster, group_of("riga"))
        await asyncio.to_thread(
            wait_until, lambda: len(owned) == COUNT and set(signs.committed(places, 10)) == set(places), 60, "signs"
        )
        assert await GroupProgress(cluster, group_of("riga"), places).reached(20)
    finally:
        await assignment.close()
        await replica.close()
        await sink.close()
    with pytest.raises(WrongPartitionCount, match="topic another-pings is not there"):
        partition_count(closed.at(way, "another-"))


@pytest.mark.parametrize(
    ("way", "wrong", "said"),
    [
        ("encrypted", "authority", "certificate verify failed"),
        ("encrypted", "no file", "cannot be used"),
        ("mutual", "authority", "certificate verify failed"),
        ("mutual", "no certificate", "certificate"),
        ("mutual", "plain", "PINGFOLD_KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_what_is_wrong_is_told(closed: Closed, tmp_path: Path, way: str, wrong: str, said: str) -> None:
    """By the look before every start, which must not take the broker of another for ours, nor a refusal for an
    answer."""
    given = dict(closed.ways[way].security)
    match wrong:
        case "authority":
            given["ssl.ca.location"] = str(Authority(tmp_path).file)
        case "no file":
            given["ssl.ca.location"] = str(tmp_path / "none.pem")
        case "no certificate":
            del given["ssl.certificate.location"]
        case "plain":
            given = {}
    assert kafka_answers(closed.ways[way], 20)
    fault = kafka_fault(Cluster(closed.ways[way], given), 20)
    assert fault
    assert said in fault
    with pytest.raises(KafkaException):
        admin_client(Cluster(closed.ways[way], given)).list_topics(timeout=3)


@pytest.mark.parametrize(("way", "prefix"), [("scram", "team."), ("encrypted", "")])
def test_another_password_does_not_let_in(closed: Closed, way: str, prefix: str) -> None:
    """And the reason is told, where the library says only that no broker answers."""
    with pytest.raises(KafkaException, match="Authentication failed"):
        admin_client(closed.at(way, prefix, **{"sasl.password": "another"})).list_topics(timeout=3)
