"""The embedded Kafka lets in nobody without its login, and the ready files beside it let in its owner's tools."""

import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.embedded import kafka
from infra.embedded.logins import Login, login_file, read_login
from infra.embedded.ports import HOST, remembered
from infra.log.cluster import client_config, embedded_cluster
from tests.stack import Server, start_kafka

pytestmark = pytest.mark.stack

STRANGER = Login("stranger", "knows-only-this")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed-kafka")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    server = start_kafka(data, others=[STRANGER])
    admin = AdminClient(client_config(server.address))
    for made in admin.create_topics([NewTopic("closed", 2, 1)]).values():
        made.result(20)
    yield server
    server.stop()


def topics_seen(config: dict[str, str]) -> set[str]:
    """Raises `KafkaException` when no broker lets the client in."""
    client = AdminClient({**config, "log_level": 0, "socket.timeout.ms": 3_000})
    return set(client.list_topics(timeout=5).topics)


def test_nobody_gets_in_without_the_login(server: Server) -> None:
    known = client_config(server.address)
    assert "closed" in topics_seen(known)
    wrong = [
        {"bootstrap.servers": known["bootstrap.servers"]},
        known | {"sasl.password": known["sasl.password"][:-1]},
        known | {"sasl.username": "admin"},
        known | {"sasl.mechanism": "SCRAM-SHA-256"},
    ]
    # Side by side: each of them waits in vain.
    with ThreadPoolExecutor(len(wrong)) as threads:
        asked = [threads.submit(topics_seen, config) for config in wrong]
    assert [type(one.exception()) for one in asked] == [KafkaException] * len(wrong)


@pytest.mark.parametrize("which", ["kafka", "kafka-controller"])
def test_no_port_answers_before_the_login(server: Server, data: Path, which: str) -> None:
    """A request for metadata of all topics, and one for the metadata log, by hand."""
    port = server.address.rpartition(":")[2] if which == "kafka" else str(_controller_port(data))
    for key, version in ((3, 1), (1, 4), (52, 0)):
        request = struct.pack(">hhih", key, version, 7, 1) + b"x" + struct.pack(">i", -1)
        with socket.create_connection((HOST, int(port)), 10) as connection:
            connection.settimeout(10)
            connection.sendall(struct.pack(">i", len(request)) + request)
            assert connection.recv(100) == b"", "the connection is closed without an answer"


def _controller_port(data: Path) -> int:
    text = (data / "kafka" / "server.properties").read_text()
    return int(text.partition("CONTROLLER://127.0.0.1:")[2].split()[0])


def test_another_user_may_do_nothing_that_is_not_granted(server: Server) -> None:
    config = client_config(embedded_cluster(server.address, STRANGER))
    assert topics_seen(config) == set()
    producer = Producer({**config, "log_level": 0, "message.timeout.ms": 5_000})
    failed: list[bool] = []
    producer.produce("closed", b"x", on_delivery=lambda error, _: failed.append(error is not None))
    assert producer.flush(20) == 0
    assert failed == [True]


def test_the_login_is_its_owner_s_alone(server: Server, data: Path) -> None:
    login = read_login(login_file(data, "kafka"))
    names = ("kafka-login.json", "kcat.conf", "kafka-client.properties", "kafka/server.properties")
    for name in names:
        assert (data / name).stat().st_mode & 0o777 == 0o600, name
        assert login.password in (data / name).read_text()
    for of_process in ("cmdline", "environ"):
        assert login.password.encode() not in Path(f"/proc/{server.pid}/{of_process}").read_bytes()
    elsewhere = {file for file in data.rglob("*") if file.is_file()} - {data / name for name in names}
    assert [file for file in elsewhere if login.password.encode() in file.read_bytes()] == []


def test_the_file_for_kcat_lets_in(server: Server, data: Path) -> None:
    lines = (data / "kcat.conf").read_text().splitlines()
    config = dict(line.split("=", 1) for line in lines)
    producer = Producer(config)
    producer.produce("closed", b"by librdkafka", key=b"k")
    assert producer.flush(20) == 0
    expected = ["by librdkafka"]
    if kcat := shutil.which("kcat"):
        run = [kcat, "-F", str(data / "kcat.conf"), "-t", "closed", "-q"]
        subprocess.run([*run, "-P", "-K", ":"], input=b"k:by kcat", check=True, timeout=30)
        read = subprocess.run([*run, "-C", "-e", "-o", "beginning"], check=True, capture_output=True, timeout=30)
        expected.append("by kcat")
        assert sorted(read.stdout.decode().split("\n"))[1:] == sorted(expected)
    consumer = Consumer(config | {"group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["closed"])
    found = [message.value().decode() for message in consumer.consume(len(expected), 30)]
    consumer.close()
    assert sorted(found) == sorted(expected)


def test_the_file_for_kafka_s_own_tools_lets_in(server: Server, data: Path) -> None:
    jars = kafka.install(kafka.default_cache())

    def topics(*options: str) -> subprocess.CompletedProcess[str]:
        command = [kafka.java(), "-cp", f"{jars}/*", "org.apache.kafka.tools.TopicCommand"]
        command += ["--bootstrap-server", server.address, "--list", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=90)

    done = topics("--command-config", str(data / "kafka-client.properties"))
    assert (done.returncode, "closed" in done.stdout.split()) == (0, True), done.stderr


def test_a_folder_of_a_version_without_logins_goes_on(tmp_path: Path) -> None:
    """Nothing in Kafka's log depends on the login: it is made at the next start."""
    server = start_kafka(tmp_path)
    admin = AdminClient(client_config(server.address))
    for made in admin.create_topics([NewTopic("kept", 1, 1)]).values():
        made.result(20)
    server.stop()
    for name in ("kafka-login.json", "kcat.conf", "kafka-client.properties", "kafka/server.properties"):
        (tmp_path / name).unlink()
    before = remembered(tmp_path, "kafka")
    again = start_kafka(tmp_path)
    try:
        assert again.address == f"{HOST}:{before}"
        assert "kept" in topics_seen(client_config(again.address))
        with pytest.raises(KafkaException):
            topics_seen(client_config(server.address))
    finally:
        again.stop()
