"""The audit trail in replays, which make the same entries again, and of changes that are no definitions."""

import copy
from typing import Any

import msgspec
import pytest

from infra.log.reading import Stored
from pingfold.replay.derived import made_by
from pingfold.replay.stretches import fold_again
from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Context, Effect, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects, ProjectsPartition
from processors.refold.stretches import stretches_of
from schemas.actors import UNKNOWN
from schemas.base import encode
from schemas.definitions import Check
from schemas.deliveries import DeliveryReplayed, DeliveryRequested, Endpoint, EndpointDefined, event_id
from schemas.ids import derived_id, new_id
from schemas.pings import CheckDefined, CheckPaused, CheckResumed
from schemas.requests import (
    CheckCreate,
    CheckFields,
    CheckUpdate,
    ProjectCreate,
)
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import Tick
from schemas.transitions import FieldChange, ThingChanged
from tests.audit_desk import ACTOR, AuditDesk, asked, create, entries
from tests.projects_desk import NOW


@pytest.fixture
def desk() -> AuditDesk:
    return AuditDesk()


# ---- the same again


def test_every_entry_has_an_id_of_its_own_and_the_same_in_a_replay(desk: AuditDesk) -> None:
    journal: list[Record] = []
    same_name: dict[str, Any] = {"request": "always the same", "at": NOW}
    events = [
        ProjectCreate(**same_name, project=desk.session.view.get(f"project/{desk.project}")),
        *(CheckCreate(**same_name, id=derived_id("c", n), fields=CheckFields(name=f"c{n}")) for n in range(5)),
        *(CheckUpdate(**same_name, id=derived_id("c", 0), fields=CheckFields(grace=60 + n)) for n in range(5)),
    ]
    for offset, event in enumerate(events):
        journal.append(Record(offset, 0, desk.project.encode(), encode(event)))
    fold = desk.session.fold
    first = entries(Session(fold, 0, View()).step(journal))
    assert len({entry.id for entry in first}) == len(first) == 11
    assert entries(Session(fold, 0, View()).step(copy.deepcopy(journal))) == first
    assert {entry.id for entry in entries(Session(fold, 1, View()).step(journal))}.isdisjoint(e.id for e in first)


def test_a_dead_letter_that_was_put_back_says_so(desk: AuditDesk) -> None:
    value = encode(msgspec.structs.replace(create(name="late"), actor=ACTOR))
    effects = desk.session.step([Record(desk.offset, 0, desk.project.encode(), value, retried=True)])
    [entry] = entries(effects)
    assert (entry.retried, entry.actor) == (True, ACTOR)


def test_a_replay_makes_no_entries_of_what_an_older_version_folded(desk: AuditDesk) -> None:
    effects = desk.put(create(name="x"))
    assert entries(effects)
    for version, are_made in ((0, True), (3, False), (4, True)):
        assert bool(entries(list(made_by("projects", version, effects)))) is are_made
    assert len(made_by("projects", 3, effects)) == len(effects) - 1
    assert made_by("toy", 1, effects) == effects


# ---- changes that are no definitions


def test_pausing_and_resuming_a_check() -> None:
    check = Check(id=new_id(), project=new_id(), version=1, created=NOW, name="Backup")
    session, offsets = Session(Checks(), 0, View()), iter(range(100))

    def put(event: msgspec.Struct) -> list[ThingChanged]:
        return entries(session.step([Record(next(offsets), NOW, check.id.encode(), encode(event))]))

    assert put(CheckDefined(at=NOW, check=check)) == []
    [paused] = put(CheckPaused(at=NOW, actor=ACTOR))
    assert (paused.action, paused.kind, paused.thing, paused.name) == ("paused", "check", check.id, "Backup")
    assert (paused.project, paused.actor, paused.command) == (check.project, ACTOR, "check.paused")
    assert put(CheckPaused(at=NOW, actor=ACTOR)) == []
    [resumed] = put(CheckResumed(at=NOW))
    assert (resumed.action, resumed.actor) == ("resumed", UNKNOWN)
    assert put(CheckResumed(at=NOW, actor=ACTOR)) == []


def test_tests_and_sending_again() -> None:
    channel, project = new_id(), new_id()
    session, offsets = Session(DeliveriesFold(), 0, View()), iter(range(100))

    def put(event: msgspec.Struct, key: str = channel) -> list[ThingChanged]:
        return entries(session.step([Record(next(offsets), NOW, key.encode(), encode(event))]))

    endpoint = Endpoint(id=channel, project=project, url="https://x.test/", notices=("monitor.down",), secret="s")
    assert put(EndpointDefined(at=NOW, endpoint=endpoint)) == []
    request = DeliveryRequested(transition=new_id(), at=NOW, notices=("monitor.down",), data={}, actor=ACTOR)
    [tested] = put(request)
    assert (tested.action, tested.kind, tested.thing, tested.project) == ("tested", "channel", channel, project)
    assert tested.actor == ACTOR
    assert tested.changes[1] == FieldChange(field="event", new="monitor.down")
    # It is there already; nobody takes that notice; no such channel: nothing is sent, and nothing is told.
    assert put(request) == []
    assert put(msgspec.structs.replace(request, notices=("monitor.recovered",))) == []
    assert put(request, new_id()) == []
    # What a fold requests is nobody's doing.
    assert put(msgspec.structs.replace(request, transition=derived_id("t"), actor=None)) == []
    event = event_id(new_id(), "monitor.down")
    again = DeliveryReplayed(replay=new_id(), at=NOW, event=event, notice="monitor.down", body="{}", actor=ACTOR)
    [replayed] = put(again)
    assert (replayed.action, replayed.actor, replayed.command) == ("replayed", ACTOR, "delivery.replayed")


# ---- replays of what older versions folded


class WithoutAudit(Projects):
    """The fold as it was before there was an audit trail."""

    version = 3

    def open(self, view: View, partition: int) -> ProjectsPartition:
        class Former(ProjectsPartition):
            def apply(self, event: Any, context: Context) -> list[Effect]:
                return [one for one in super().apply(event, context) if not isinstance(one.value, ThingChanged)]

        return Former(view, partition)


def test_an_upgrade_finds_what_was_folded_before_equal(desk: AuditDesk) -> None:
    events = [
        ProjectCreate(**asked(project=desk.session.view.get(f"project/{desk.project}"))),
        *(create(name=f"c{number}") for number in range(9)),
        Tick(slot="ticker", epoch=1, at=NOW, now=NOW),
    ]
    # The new version is also told what gives the things that are there a name, and those that follow.
    events[7:] = [msgspec.structs.replace(event, partition_count=1) for event in events[7:]]
    key = desk.project.encode()
    journal = [Stored(0, offset, 0, key, encode(event), None) for offset, event in enumerate(events)]
    records = [Record(one.offset, 0, one.key, one.value) for one in journal]
    before = Session(WithoutAudit(), 0, View(), TZDATA_VERSION)
    effects = before.step(records[:5])
    view = View(dict(before.view.items()))
    after = Session(Projects(), 0, view, TZDATA_VERSION)
    effects += after.step(records[5:])
    assert len(entries(effects)) == 5
    stretches = stretches_of(after.progress, 0, Projects(), ())
    assert [stretch.version for stretch in stretches] == [3, Projects.version]
    assert all(check.token for _, check in view.items() if isinstance(check, Check))
    again: list[Effect] = []
    folded = fold_again(Projects(), 0, stretches, {}, journal, lambda made, *_: again.extend(made))
    assert again == effects
    assert {k: v for k, v in folded.view.items() if k != "partition"} == {
        k: v for k, v in view.items() if k != "partition"
    }
