"""Properties of claims on UUIDs: whatever is asked in which order, folded when, put back and restarted, a UUID is of
one project at most, no claim outlives what it was for, and every request has a decision."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from infra.log.partitioner import partition_of
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.actors import UNKNOWN
from schemas.base import SECOND, Micros, encode
from schemas.claims import CheckClaim, CheckClaimed, IdClaim, claim_key
from schemas.decisions import Decision
from schemas.definitions import Check, Project
from schemas.ids import derived_id
from schemas.requests import CheckDelete, CheckFields, ProjectCreate
from schemas.ticks import Tick
from schemas.topics import PROJECTS

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
PARTITIONS, LIMIT = 3, 5
NOW: Micros = 1_790_000_000 * SECOND


class World:
    """The journal of projects, each partition of which is folded when it is told to be. A project lives in each."""

    def __init__(self) -> None:
        self.logs: list[list[tuple[str, bytes, bool]]] = [[] for _ in range(PARTITIONS)]
        self.sessions = [Session(Projects(), number, View()) for number in range(PARTITIONS)]
        self.asked: list[str] = []
        self.decided: list[str] = []
        self.allowed: list[tuple[str, CheckClaimed]] = []
        self.projects: list[str] = []
        for number in range(PARTITIONS):
            ids = (derived_id("project", str(number), str(one)) for one in range(100))
            project = next(id for id in ids if partition_of(id.encode(), PARTITIONS) == number)
            self.projects.append(project)
            made = Project(
                id=project, created=NOW, name="p", ping_key=f"key{number}", webhook_secret="", check_limit=LIMIT
            )
            self.append(project, Tick(slot="t", epoch=1, at=NOW, now=NOW))
            self.append(project, ProjectCreate(request=f"project {number}", at=NOW, project=made, actor=UNKNOWN))
        self.fold_all()

    def append(self, key: str, event: Any, retried: bool = False) -> None:
        self.logs[partition_of(key.encode(), PARTITIONS)].append((key, encode(event), retried))

    def fold(self, number: int) -> bool:
        session, log = self.sessions[number], self.logs[number]
        begin = session.progress.applied + 1
        records = [
            Record(offset, NOW, key.encode(), value, retried)
            for offset, (key, value, retried) in enumerate(log[begin:], begin)
        ]
        for effect in session.run(records).effects:
            if isinstance(effect.value, Decision):
                self.decided.append(effect.key)
            if effect.topic is PROJECTS:
                self.append(effect.key, effect.value)
                if isinstance(effect.value, CheckClaimed):
                    self.allowed.append((effect.key, effect.value))
        self.must_be_of_one()
        return bool(records)

    def fold_all(self) -> None:
        while any([self.fold(number) for number in range(PARTITIONS)]):
            pass

    def restart(self, number: int) -> None:
        session = self.sessions[number]
        decode = session.fold.records.decode
        view = View({key: decode(encode(record)) for key, record in session.view.items()})
        self.sessions[number] = Session(session.fold, number, view)

    def ask(self, key: str, event: Any) -> None:
        self.asked.append(event.request)
        self.append(key, event)

    def say(self, what: str, who: int) -> None:
        project = self.projects[who]
        common: dict[str, Any] = {"request": f"r{len(self.asked)}", "at": NOW, "actor": UNKNOWN, "id": UUID}
        match what:
            case "claim" | "refused":
                fields = CheckFields(channels="nobody") if what == "refused" else CheckFields()
                self.ask(UUID, CheckClaim(project=project, fields=fields, **common))
            case "too late":  # a dead letter in the partition of its project
                self.ask(UUID, CheckClaim(project=project, **common | {"at": NOW + 86_400 * SECOND}))
            case "delete":
                self.ask(project, CheckDelete(**common))
            case "put back" if self.allowed:
                owner, event = self.allowed[(who * 7) % len(self.allowed)]
                self.append(owner, replace(event), retried=True)
            case "fold":
                self.fold(who)
            case "restart":
                self.restart(who)

    def checks(self) -> list[Check]:
        found = [session.view.get(f"check/{UUID}") for session in self.sessions]
        return [check for check in found if isinstance(check, Check)]

    def claim(self) -> IdClaim | None:
        found = self.sessions[partition_of(UUID.encode(), PARTITIONS)].view.get(claim_key(UUID))
        return found if isinstance(found, IdClaim) else None

    def must_be_of_one(self) -> None:
        assert len(self.checks()) <= 1


steps = st.tuples(
    st.sampled_from(["claim", "claim", "refused", "too late", "delete", "put back", "fold", "fold", "restart"]),
    st.integers(0, PARTITIONS - 1),
)


@settings(deadline=None)
@given(st.lists(steps, max_size=25))
@example([("refused", 0), ("fold", 0), ("fold", 1), ("fold", 2), ("claim", 1), ("put back", 0)])
@example([("claim", 0), ("claim", 0), ("delete", 0), ("claim", 1), ("fold", 0), ("claim", 0)])
def test_a_uuid_is_of_one_project_and_no_claim_is_left_behind(course: list[tuple[str, int]]) -> None:
    world = World()
    for what, who in course:
        world.say(what, who)
    world.fold_all()
    claim, checks = world.claim(), world.checks()
    stands = [] if claim is None else [(claim.project, claim.claim)]
    assert stands == [(check.project, check.claim) for check in checks]
    assert set(world.asked) <= set(world.decided)


@pytest.mark.parametrize("number", range(PARTITIONS))
def test_a_claim_is_over_when_the_project_has_no_room(number: int) -> None:
    world = World()
    for other in range(LIMIT):
        id = derived_id("full", str(other))
        claim = CheckClaim(request=f"full {other}", at=NOW, id=id, project=world.projects[number], actor=UNKNOWN)
        world.ask(id, claim)
    world.fold_all()
    world.say("claim", number)
    world.fold_all()
    assert (world.claim(), world.checks()) == (None, [])
    world.say("claim", (number + 1) % PARTITIONS)
    world.fold_all()
    assert [check.project for check in world.checks()] == [world.projects[(number + 1) % PARTITIONS]]
