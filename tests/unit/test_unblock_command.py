"""`pingfold recipient unblock`: it says whether there was a block to lift."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.log.partitioner import partition_of
from pingfold.cli import app
from pingfold.commands import blocks, recipients
from schemas.base import Fact, Value, encode
from schemas.deliveries import Mailbox, mailbox_key
from schemas.ids import derived_id
from schemas.recipients import Recipient, mailbox_id, recipient_id
from schemas.requests import RecipientUnblock
from schemas.topics import DEFINITIONS, DELIVERY_STATES, Topic

PROJECT = derived_id("project", "p")
OPS = "ops@example.org"
OWN = (DEFINITIONS, PROJECT, f"recipient/{recipient_id(PROJECT, OPS)}")
MAILBOX = (DELIVERY_STATES, mailbox_id(OPS), mailbox_key(mailbox_id(OPS)))
PARTITIONS = 4


def recipient(blocked_at: int | None) -> Recipient:
    return Recipient(
        id=recipient_id(PROJECT, OPS),
        project=PROJECT,
        address=OPS,
        created=1,
        times=1,
        asked=(1,),
        blocked_at=blocked_at,
    )


class World:
    """Records of compacted topics, and what was asked."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, bytes, bytes | None]] = []
        self.asked: list[Any] = []

    def put(self, place: tuple[Topic, str, str], value: Fact | Value | None) -> None:
        topic, owner, key = place
        partition = partition_of(owner.encode(), PARTITIONS)
        self.records.append((topic.name, partition, key.encode(), None if value is None else encode(value)))

    def read(self, _: str, topic: Topic, ends: dict[int, int]) -> Iterator[Any]:
        for name, partition, key, value in self.records:
            if name == topic.name and partition in ends:
                yield SimpleNamespace(key=key, value=value)

    def unblock(self, address: str = OPS) -> str:
        result = CliRunner().invoke(app, ["recipient", "unblock", address, "--project", PROJECT])
        assert result.exit_code == 0, result.output
        [request] = self.asked
        assert isinstance(request, RecipientUnblock)
        assert request.address == address
        return result.stdout


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    monkeypatch.setattr(recipients, "answering_kafka_of", lambda _: "kafka:9092")
    monkeypatch.setattr(recipients, "ask", lambda _, project, request: made.asked.append(request))
    monkeypatch.setattr(blocks, "ends_of", lambda *_: dict.fromkeys(range(PARTITIONS), 9))
    monkeypatch.setattr(blocks, "read_to_end", made.read)
    return made


def test_one_that_nobody_has_asked(world: World) -> None:
    assert world.unblock() == f"{OPS} was not blocked\n"


def test_one_that_has_not_blocked(world: World) -> None:
    world.put(OWN, recipient(5))
    world.put(OWN, recipient(None))
    world.put(MAILBOX, Mailbox(requested=(1,), blocked_at=5))
    world.put(MAILBOX, Mailbox(requested=(1,)))
    assert world.unblock() == f"{OPS} was not blocked\n"


def test_one_that_has_blocked_this_project(world: World) -> None:
    world.put(OWN, recipient(5))
    assert world.unblock("OPS@example.org") == "OPS@example.org may be asked again\n"


def test_one_that_has_blocked_another_project(world: World) -> None:
    """Its mailbox gets no requests of any project."""
    world.put(MAILBOX, Mailbox(requested=(1,), blocked_at=5))
    assert world.unblock() == f"{OPS} may be asked again\n"


def test_what_was_forgotten_is_not_blocked(world: World) -> None:
    world.put(OWN, recipient(5))
    world.put(OWN, None)
    assert world.unblock() == f"{OPS} was not blocked\n"
