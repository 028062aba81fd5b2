"""A start: what is away for now is waited for, and keeps nothing else from working."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.clickhouse import analytics as clickhouse_analytics
from infra.clickhouse import migrations as clickhouse_migrations
from infra.clickhouse import retention as clickhouse_retention
from infra.clickhouse.client import ClickHouseUnavailable
from infra.log import admin
from infra.log.admin import WrongPartitionCount
from infra.log.cluster import Cluster
from infra.log.sink import NotStored
from infra.settings.settings import Settings
from pingfold import credentials, first_project
from pingfold.roles import history_start
from pingfold.supervisor import start_up
from pingfold.supervisor.start_up import StartUp, first_ping, ready
from pingfold.supervisor.supervisor import Role

BEFORE_HISTORY = {"worker-0", "ticker-0", "web-0", "prober-0"}


class World:
    """Kafka, ClickHouse and the roles, as far as a start deals with them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kafka_answers = self.clickhouse_answers = True
        self.migrations: list[Exception] = []  # of Kafka, one for each try that fails
        self.puts: list[Exception] = []
        self.tables: Exception | None = None
        self.kept: set[str] = set()
        self.problems: dict[str, str] = {}
        self.warnings: list[dict[str, str]] = []
        self.said: list[str] = []
        monkeypatch.setattr(start_up, "kafka_fault", lambda _: "" if self.kafka_answers else "it is away")
        monkeypatch.setattr(admin, "migrate", lambda *_, **__: self._fail(self.migrations))
        monkeypatch.setattr(StartUp, "_first_project", self._first_project)
        monkeypatch.setattr(StartUp, "_ask", self._ask)
        monkeypatch.setattr(start_up, "_AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(start_up, "_SAY_SECONDS", 0.0)
        monkeypatch.setattr(history_start, "clickhouse_answers", lambda _: self.clickhouse_answers)
        monkeypatch.setattr(clickhouse_migrations, "migrate", self._migrate_tables)
        monkeypatch.setattr(clickhouse_retention, "apply", lambda *_: None)
        monkeypatch.setattr(clickhouse_analytics, "apply", lambda *_: None)
        monkeypatch.setattr(history_start, "_LONGEST_PAUSE", 0.01)
        monkeypatch.setattr(history_start, "_SAY_SECONDS", 0.0)

    def _fail(self, errors: list[Exception]) -> int:
        if errors:
            raise errors.pop()
        return 8

    async def _first_project(self, *_: Any) -> None:
        self._fail(self.puts)

    def _migrate_tables(self, _: str) -> None:
        if self.tables is not None:
            raise self.tables

    async def _ask(self, path: str) -> tuple[int, Any]:
        if "web-0" not in self.kept:
            return 0, None
        problems = [{"part": part, "reason": reason} for part, reason in self.problems.items()]
        status = 503 if path == "/readyz" and problems else 200
        return status, {"instance": "this", "problems": problems, "warnings": self.warnings}

    # As a supervisor.

    def keep(self, role: Role) -> None:
        self.kept.add(str(role))

    def tell(self, part: str, problem: str | None) -> None:
        if problem is None:
            self.problems.pop(part)
        else:
            self.problems[part] = problem

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def starting(world: World, data: Path, **given: Any) -> AsyncIterator["asyncio.Task[None]"]:
    settings = Settings(
        _env_file=None,
        data=data,
        kafka_bootstrap_servers="nowhere.invalid:1",
        clickhouse_url="http://nowhere.invalid",
        **given,
    )
    tasks: list[asyncio.Task[None]] = []
    supervisor: Any = world
    start = StartUp(
        settings, supervisor, lambda _, line: world.said.append(line), "this", "nowhere.invalid:1",
        "http://nowhere.invalid", tasks,
    )  # fmt: skip
    task = asyncio.create_task(start.run({}))
    try:
        yield task
    finally:
        for one in (task, *tasks):
            one.cancel()
        await asyncio.wait([task, *tasks])


async def test_a_clickhouse_that_is_away_keeps_nothing_else_from_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(monkeypatch)
    world.clickhouse_answers = False
    async with starting(world, tmp_path) as start:
        await world.until(lambda: world.kept >= BEFORE_HISTORY)
        reason = "its tables are not ready: ClickHouse does not answer"
        await world.until(lambda: world.problems == {"history": reason})
        await world.until(lambda: "no history yet: ClickHouse does not answer; trying again" in world.said)
        assert not start.done()
        assert "writer-0" not in world.kept
        for error in (
            ClickHouseUnavailable("connection refused"),
            RuntimeError("migration 0001 was applied with another text"),
        ):
            world.clickhouse_answers, world.tables = True, error
            await world.until(lambda error=error: str(error) in world.problems["history"])  # type: ignore[misc]
        world.tables = None
        async with asyncio.timeout(30):
            await start
        assert world.kept == {*BEFORE_HISTORY, "writer-0"}
        assert world.problems == {}


async def test_a_kafka_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.kafka_answers = False
    world.migrations = [KafkaException(KafkaError(code)) for code in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT)]
    world.migrations.append(TimeoutError())
    world.puts = [NotStored("Kafka did not confirm the record within 8 s")]
    async with starting(world, tmp_path) as start:
        await world.until(lambda: "waiting for Kafka: it is away" in world.said)
        assert not world.kept
        world.kafka_answers = True
        async with asyncio.timeout(30):
            await start
        assert world.migrations == world.puts == []
        assert world.kept == {*BEFORE_HISTORY, "writer-0"}


async def test_a_dns_server_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.kafka_answers = False
    async with starting(world, tmp_path, dns_zone="nodes.example.org", dns_nameservers=("ns1.example.org",)) as start:
        await world.until(lambda: "waiting for Kafka: it is away" in world.said)
        assert world.kept == {"dns-0"}
        world.kafka_answers = True
        async with asyncio.timeout(30):
            await start
        assert world.kept == {*BEFORE_HISTORY, "writer-0", "dns-0"}


@pytest.mark.parametrize(
    "error",
    [
        KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)),
        KafkaException(KafkaError(KafkaError._AUTHENTICATION)),
        WrongPartitionCount("this deployment has 8 partitions"),
    ],
)
async def test_what_can_never_work_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world = World(monkeypatch)
    world.migrations = [error]
    async with starting(world, tmp_path) as start:
        with pytest.raises(type(error)):
            await start
        assert not world.kept


async def test_a_public_address_that_does_not_answer_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(monkeypatch)
    monkeypatch.setattr(start_up, "_PUBLIC_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(start_up, "_PUBLIC_LOOKS", 1_000)
    async with starting(world, tmp_path) as start:
        async with asyncio.timeout(30):
            await start
        reason = "no ping gets through http://up.example.org/ping/: connection refused"
        world.warnings = [{"part": "clock", "reason": "late"}, {"part": "public address", "reason": reason}]
        await world.until(lambda: any("up.example.org" in line for line in world.said))
        await asyncio.sleep(0.05)
    assert [line for line in world.said if "up.example.org" in line] == [
        f"{reason} (PINGFOLD_BASE_URL, PINGFOLD_PING_ENDPOINT)"
    ]


async def test_a_prefix_that_is_not_that_of_the_data_folder_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(monkeypatch)
    world.migrations = [AssertionError("topics were made")]
    other = Cluster("nowhere.invalid:1", prefix="team.")
    known = first_project.new_credentials("http://127.0.0.1:1", other, "http://nowhere.invalid")
    credentials.save_once(tmp_path / credentials.FILE_NAME, known)
    async with starting(world, tmp_path) as start:
        with pytest.raises(credentials.NoCredentials, match="PINGFOLD_KAFKA_PREFIX"):
            await start
    assert world.migrations
    assert not world.kept


@pytest.mark.parametrize("data", ["/srv/pingfold", "/srv/my data"])
def test_what_to_try_is_for_a_shell_to_take_as_it_stands(data: str) -> None:
    """zsh takes a `?` outside quotes for a pattern of file names, and runs nothing."""
    command = first_ping(Settings(data=Path(data))).partition("try: ")[2]
    ended = subprocess.run(
        ["sh", "-c", f'jq() {{ printf %s "<$3>"; }}; curl() {{ printf "%s|" "$@"; }}; {command}'],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert ended.stdout == f"http://127.0.0.1:8000/ping/<{data}/credentials.json>/backup?create=1|"
    outside_quotes = "".join(command.split('"')[::2])
    assert outside_quotes == "curl "


def test_what_is_said_when_all_is_ready_names_dashboard_password_and_reference() -> None:
    assert ready(Settings(data=Path("data")), 7.94) == (
        "ready after 7.9 s: dashboard http://127.0.0.1:8000/ (user name admin, password: admin_password in "
        "data/credentials.json); reference of the APIs http://127.0.0.1:8000/docs"
    )
    told = ready(Settings(PINGFOLD_BASE_URL="https://up.example.org/watch", admin_password="a password"), 1.0)
    assert "dashboard https://up.example.org/watch/, on this host http://127.0.0.1:8000/ (" in told
    assert "password: that of PINGFOLD_ADMIN_PASSWORD" in told
    assert "a password" not in told
    assert told.endswith(" https://up.example.org/watch/docs")
