"""A question is answered from journals in several partitions: dependencies, snapshots, other versions, bounds."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.log.partitioner import partition_of
from infra.log.reading import NotRead, Stored
from pingfold.what_if.parts import NotAnswerable
from pingfold.what_if.run import TooManyEvents
from processors.checks.fold import Checks
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.what_if.alerts import AlertLog, Room, Span, TooManyAlerts
from schemas.pings import Ping
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import PINGS
from schemas.what_if.answers import Compared
from schemas.what_if.settings import Change
from tests.replay_world import PARTITIONS
from tests.what_if_world import CHECK, MINUTE, ROUTER, SHOP, START, World, verdicts


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_a_monitor_would_depend_on_is_heard_from_another_partition(world: World) -> None:
    """The router says to nobody that it is down, for nothing depends on it; had the shop done, it would have."""
    world.monitor(ROUTER)
    world.monitor(SHOP)
    world.probe({ROUTER: range(4, 8), SHOP: range(5, 7)}, minutes=12)
    assert verdicts(world.ask(SHOP, changes=())) == ["kept"]
    assert verdicts(world.ask(SHOP, changes=(Change("depends_on", (ROUTER,)),))) == ["spared"]
    assert verdicts(world.ask(ROUTER, SHOP, changes=(Change("depends_on", (ROUTER,)),))) == ["kept", "spared"]


def test_alerts_are_compared_and_the_uptime_is_told(world: World) -> None:
    world.check_that_is_late()
    world.tick(1)
    found = world.ask(CHECK, changes=(Change("grace", 240),))
    case = found.cases[0]
    assert verdicts(found) == ["spared", "later"]
    assert (case.sent, case.imagined, case.long_sent, case.missed, case.median_delay) == (2, 1, 1, 0, 3 * MINUTE)
    uptime = case.uptimes[CHECK]
    assert (uptime.was.down, uptime.imagined.down) == (7 * MINUTE, 2 * MINUTE)
    assert found.notes == []


def test_it_ends_where_the_span_does(world: World) -> None:
    world.check_that_is_late()
    found = world.ask(CHECK, changes=(), until=START + 5 * MINUTE)
    assert verdicts(found) == ["kept"]
    watched = found.cases[0].uptimes[CHECK].was
    assert (watched.up, watched.down) == (3 * MINUTE, 2 * MINUTE)


def test_a_snapshot_is_begun_with_where_the_beginning_is_gone(world: World) -> None:
    world.check_that_is_late()
    world.log.cut(PINGS, partition_of(CHECK.encode(), PARTITIONS), 3)
    with pytest.raises(NotAnswerable, match="is gone"):
        world.ask(CHECK, changes=())
    taken = world.now
    world.snapshot(Checks(), partition_of(CHECK.encode(), PARTITIONS))
    world.say(PINGS, CHECK, Ping(kind="success", at=world.now))
    for _ in range(5):
        world.tick(1)
    found = world.ask(CHECK, changes=(Change("grace", 120),))
    assert found.since == taken
    assert verdicts(found) == ["later"]
    assert any("begins with snapshot 20270115T080000Z" in note for note in found.notes)
    assert any(note.startswith("answered from ") for note in found.notes)
    with pytest.raises(NotAnswerable, match="it can be answered from"):
        world.ask(CHECK, changes=(), until=taken - MINUTE)


def test_what_is_deleted_while_it_is_read_is_no_answer(world: World) -> None:
    """Kafka's client would go on with the first event that is left, without a word."""
    world.check_that_is_late()
    partition = partition_of(CHECK.encode(), PARTITIONS)
    with pytest.raises(NotRead, match="have just been deleted by retention; ask again"):
        world.ask(CHECK, tell=lambda _read, _total: world.log.cut(PINGS, partition, 2))


def test_how_far_it_is_is_told(world: World) -> None:
    world.check_that_is_late()
    told: list[tuple[int, int]] = []
    found = world.ask(CHECK, tell=lambda read, total: told.append((read, total)))
    assert told == [(found.events, found.events)]


def test_what_another_version_decided_is_told(world: World) -> None:
    world.check_that_is_late()
    session = world.sessions[PINGS, partition_of(CHECK.encode(), PARTITIONS)]
    own = session.view.edit(Progress, PROGRESS_KEY)
    own.epochs = tuple(replace(epoch, fold=1) for epoch in own.epochs)
    [note] = world.ask(CHECK, changes=()).notes
    assert "other versions decided (folded with version of the fold 1" in note


def test_more_events_than_allowed_are_refused_before_they_are_read(world: World) -> None:
    world.check_that_is_late()
    with pytest.raises(TooManyEvents, match="and at most 5 are"):
        world.ask(CHECK, changes=(), most=5)


def test_more_alerts_than_can_be_compared_are_refused(world: World) -> None:
    world.check_that_is_late()
    session, log = Session(Checks(), 0, View()), AlertLog(Span(0, 2**62), {}, Room(1), frozenset({CHECK}))
    stored: Sequence[Stored] = world.log.records[PINGS.name, partition_of(CHECK.encode(), PARTITIONS)]
    effects = session.step(Record(one.offset, one.timestamp, one.key, one.value) for one in stored)
    with pytest.raises(TooManyAlerts, match="more than 1 alerts"):
        log.hear(effects, session.progress.time)


def test_both_sides_of_a_comparison_are_dated(world: World) -> None:
    world.check_that_is_late()
    alerts: list[Compared] = world.ask(CHECK, changes=(Change("grace", 240),)).cases[0].alerts
    assert [one.told for one in alerts] == [START + 2 * MINUTE, START + 6 * MINUTE]
