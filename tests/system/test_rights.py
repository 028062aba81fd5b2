"""Each role alone, with a user of its own that may do what docs/operations.md says and no more, on the real Kafka.

The cluster is a shared one: all names of this Pingfold have a prefix. Kafka comes after the roles, as after a reboot.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from infra.clickhouse.migrations import migrate as migrate_tables
from infra.embedded.logins import Login
from infra.embedded.ports import HOST, free_port
from infra.log.admin import migrate
from infra.log.cluster import Cluster, client_config, embedded_cluster
from infra.log.connect import new_producer
from infra.log.reading import read_to_end
from infra.log.rights import ROLES, bindings
from infra.log.sink import Sink
from infra.secrets.secrets import Vault
from infra.settings.settings import Settings
from pingfold import credentials, first_project
from schemas.base import encode
from schemas.topics import DEAD_LETTERS, HEARTBEATS, PROJECTS, TOPICS, Topic
from tests.pingfold_client import wait_until
from tests.stack import environment_of, start_clickhouse, start_kafka

pytestmark = pytest.mark.system

LOGINS = {role: Login(f"of-{role}", f"password-of-{role}") for role in ROLES}
PREFIX = "team-a."
# Those that are processes.
RUNNING = [role for role in ROLES if role not in ("commands", "migrate")]


@contextlib.contextmanager
def running(roles: dict[str, dict[str, str]], output: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Processes of `pingfold ROLE`, each with its environment."""
    processes = {}
    with output.open("ab") as said, contextlib.ExitStack() as stack:
        for role, environment in roles.items():
            process = subprocess.Popen(
                [sys.executable, "-m", "pingfold", role], env=_plain() | environment, stdout=said, stderr=said
            )
            processes[role] = process
            stack.callback(process.wait, 15)
            stack.callback(process.send_signal, signal.SIGTERM)
        yield processes


def _plain() -> dict[str, str]:
    return {n: v for n, v in os.environ.items() if not n.startswith(("PINGFOLD_", "KAFKA_", "CLICKHOUSE_"))}


async def test_roles_work_with_the_rights_that_are_written_down(tmp_path: Path) -> None:
    kafka = start_kafka(tmp_path / "servers", others=list(LOGINS.values()))
    clickhouse = start_clickhouse(tmp_path / "servers")
    try:
        admin = AdminClient(client_config(kafka.address))
        wanted = [binding for role, login in LOGINS.items() for binding in bindings(role, login.user, PREFIX)]
        for granted in admin.create_acls(wanted).values():
            granted.result(20)
        as_role = {role: embedded_cluster(kafka.address, login, PREFIX) for role, login in LOGINS.items()}
        migrate(as_role["migrate"], 4)
        migrate(as_role["migrate"], 4, retention_ms={DEAD_LETTERS.name: 86_400_000})
        migrate_tables(clickhouse.address)
        settings = Settings(_env_file=None, data=tmp_path / "data")
        url = f"http://{HOST}:{free_port()}"
        known = first_project.new_credentials(url=url, kafka=kafka.address, clickhouse=clickhouse.address)
        sink = Sink(as_role["commands"])
        request = first_project.project_request(known, time.time_ns() // 1000, Vault.open(settings))
        await sink.put(PROJECTS, known.project, encode(request))
        await sink.close()
        common = environment_of(kafka.address) | {
            "PINGFOLD_KAFKA_PREFIX": PREFIX,
            "PINGFOLD_DATA": str(settings.data),
            "PINGFOLD_PORT": url.rpartition(":")[2],
            "PINGFOLD_RDAP": "none",
            "CLICKHOUSE_URL": clickhouse.address,
        }
        environments = {
            role: common | {"PINGFOLD_KAFKA_SASL_USERNAME": login.user, "PINGFOLD_KAFKA_SASL_PASSWORD": login.password}
            for role, login in LOGINS.items()
        }
        output = tmp_path / "said"
        kafka.stop()
        with running({role: environments[role] for role in RUNNING}, output) as processes:
            _wait_for_kafka(url, processes, output)
            kafka.start()
            _work(url, known, output)
            ended = {role: process.poll() for role, process in processes.items()}
            assert ended == dict.fromkeys(RUNNING), "no role has ended"
            _command(["key", "create", "poppaping", "--project", known.project], environments["commands"])
            _command(["dead-letters", "list"], environments["commands"])
        _expect_names(kafka.address)
        beats = {one.key for one in read_to_end(as_role["commands"], HEARTBEATS)}
        assert beats >= {b"web-0", b"ticker-0", b"worker-0", b"prober-local-0"}, "each tells of its clock"
        for role in ROLES:
            refused = {topic.name for topic in TOPICS if _is_refused(as_role[role], topic)}
            assert refused == {topic.name for topic in set(TOPICS) - set(ROLES[role].writes)}, role
        said = output.read_text()
        assert "AUTHORIZATION" not in said.upper(), said[-5_000:]
        assert [login.password for login in LOGINS.values() if login.password in said] == []
    finally:
        clickhouse.stop()
        kafka.stop()


def _is_refused(cluster: Cluster, topic: Topic) -> bool:
    """Whether the user may not write to a topic. The record is harmless: nobody has this partition's key."""
    producer = new_producer(cluster, {"log_level": 0, "message.timeout.ms": 20_000})
    errors = list[KafkaError | None]()
    producer.produce(topic.name, b"", key=b"nobody", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert errors[0] is None or errors[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, errors
    return errors[0] is not None


def _wait_for_kafka(url: str, processes: dict[str, "subprocess.Popen[bytes]"], output: Path) -> None:
    """No role ends; the web process says that it cannot serve yet, and what is not well."""

    def answers() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/healthz", trust_env=False).status_code == 503
        return False

    try:
        wait_until(answers, 120, "/healthz answers 503")
        ping = httpx.post(f"{url}/ping/of-nobody/job", content=b"x", trust_env=False)
        assert (ping.status_code, ping.headers["retry-after"]) == (503, "5")
        told = "web, worker, ticker and prober say that they wait"
        wait_until(lambda: output.read_text().count("kafka.awaited") >= 4, 120, told)
        assert {role: process.poll() for role, process in processes.items()} == dict.fromkeys(RUNNING)
    except AssertionError as error:
        error.add_note(output.read_text()[-6_000:])
        raise


def _command(arguments: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pingfold", *arguments]
    done = subprocess.run(command, env=_plain() | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def _expect_names(address: str) -> None:
    """Whatever this Pingfold has made on the cluster has its prefix."""
    admin = AdminClient(client_config(address))
    topics = {name for name in admin.list_topics(timeout=20).topics if not name.startswith("__")}
    assert topics == {f"{PREFIX}{topic}" for topic in TOPICS}
    groups = {found.group_id for found in admin.list_consumer_groups(request_timeout=20).result(20).valid}
    assert groups == {f"{PREFIX}pingfold-{name}" for name in ("fold", "history", "probers-local")}


def _work(url: str, known: credentials.Credentials, output: Path) -> None:
    """All of it makes progress, as `/readyz` looks; a check comes into being, and its ping into history."""
    client = httpx.Client(base_url=url, trust_env=False, timeout=20)

    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return client.get("/readyz").status_code == 200
        return False

    try:
        wait_until(ready, 180, "/readyz answers 200", pause=0.5)
        path = f"/ping/{known.ping_key}/of-rights"
        wait_until(lambda: client.post(f"{path}?create=1", content=b"x").status_code == 201, 60, "a check is made")
        key = {"X-Api-Key": known.healthchecks_key}

        def pinged() -> bool:
            found = client.get("/api/v3/checks/?slug=of-rights", headers=key).json()["checks"]
            return bool(found) and found[0]["status"] == "up"

        wait_until(pinged, 60, "its ping is folded")
        uuid = client.get("/api/v3/checks/?slug=of-rights", headers=key).json()["checks"][0]["uuid"]
        pings = f"/api/v3/checks/{uuid}/pings/"
        wait_until(lambda: client.get(pings, headers=key).status_code == 200, 60, "its ping is in history")
        assert json.loads(client.get(pings, headers=key).text)["pings"]
    except AssertionError as error:
        with contextlib.suppress(httpx.HTTPError):
            error.add_note(client.get("/readyz").text)
        error.add_note(output.read_text()[-6_000:])
        raise
    finally:
        client.close()
