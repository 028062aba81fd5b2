"""The names that the `projects` fold gives: each once, in all partitions together, to everything, by the log alone."""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.fold.contract import Effect, Record, Session
from processors.fold.view import View
from processors.projects import tokens
from processors.projects.fold import Projects
from schemas.base import SECOND, encode
from schemas.definitions import Channel, Check, Project
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.pings import CheckDefined
from schemas.probes import MonitorDefined
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    CheckCreate,
    CheckDelete,
    CheckFields,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    ProjectCreate,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
)
from schemas.status_pages import StatusPage
from schemas.ticks import NEVER, PROGRESS_KEY, Tick
from schemas.tokens import COUNTERS_KEY, TokenCounters, number_of, thing_token
from schemas.transitions import ThingChanged

PARTITIONS = 3
KINDS = ("check", "monitor", "status-page", "channel")
START = 1_000 * SECOND

# What happens in which partition: a thing of a kind is made or removed, or time goes on.
happenings = st.lists(
    st.tuples(
        st.integers(0, PARTITIONS - 1), st.sampled_from(["make", "make", "remove", "tick"]), st.sampled_from(KINDS)
    ),
    max_size=40,
)


class World:
    """The journals of all partitions, each with a project of its own. `partitions`: what events tell of the count."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.partitions = partitions
        self.journals: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.made: dict[tuple[int, str], list[str]] = {}
        self._numbers = count()
        self.now = START
        for number in range(PARTITIONS):
            owner = self.owner(number)
            project = Project(id=owner, name="P", ping_key="k", created=0, webhook_secret="s")
            self.put(number, ProjectCreate(project=project, **self.request()))

    def owner(self, number: int) -> str:
        return derived_id("project", number)

    def request(self) -> dict[str, Any]:
        self.now += SECOND
        return {"request": f"r{next(self._numbers)}", "at": self.now, "partition_count": self.partitions}

    def put(self, number: int, event: msgspec.Struct) -> None:
        journal = self.journals[number]
        journal.append(Record(len(journal), 0, self.owner(number).encode(), encode(event)))

    def tick(self, number: int) -> None:
        self.now += SECOND
        self.put(number, Tick(slot="ticker", epoch=1, at=self.now, now=self.now, partition_count=self.partitions))

    def happen(self, number: int, what: str, kind: str) -> None:
        if what == "tick":
            self.tick(number)
        elif what == "make":
            self.make(number, kind)
        elif ids := self.made.get((number, kind)):
            removals: dict[str, Any] = {
                "check": CheckDelete,
                "monitor": MonitorDelete,
                "status-page": StatusPageDelete,
                "channel": ChannelDelete,
            }
            self.put(number, removals[kind](id=ids.pop(), **self.request()))

    def make(self, number: int, kind: str) -> str:
        id, request = derived_id(kind, number, next(self._numbers)), self.request()
        event: msgspec.Struct
        match kind:
            case "check":
                event = CheckCreate(id=id, fields=CheckFields(name="c"), **request)
            case "monitor":
                event = MonitorCreate(id=id, fields=MonitorFields(name="m"), **request)
            case "status-page":
                event = StatusPageCreate(id=id, fields=StatusPageFields(title="p"), **request)
            case _:
                owner = self.owner(number)
                channel = Channel(id=id, project=owner, kind="webhook", url="http://x/", created=0, number=5)
                event = ChannelCreate(channel=channel, **request)
        self.put(number, event)
        self.made.setdefault((number, kind), []).append(id)
        return id


def fold(number: int, journal: Sequence[Record], cuts: Sequence[int] = ()) -> tuple[dict[str, Any], list[Effect]]:
    """The states and the effects of a partition's journal, whose folding is begun anew at each cut."""
    topic: dict[str, bytes] = {}
    effects: list[Effect] = []
    for start, end in zip([0, *cuts], [*cuts, len(journal)], strict=True):
        view = View({key: Projects.records.decode(value) for key, value in sorted(topic.items(), reverse=True)})
        batch = Session(Projects(), number, view).run(journal[start:end])
        effects += batch.effects
        for key, record in batch.changes.items():
            if record is None:
                topic.pop(key, None)
            else:
                topic[key] = encode(record)
    return {key: Projects.records.decode(value) for key, value in topic.items()}, effects


def names_given(number: int, journal: Sequence[Record]) -> dict[tuple[str, str], str | int]:
    """Every name that anything of a partition ever had, by kind of the name and id of the thing."""
    session = Session(Projects(), number, View())
    names: dict[tuple[str, str], str | int] = {}
    for record in journal:
        session.step([record])
        for _, thing in session.view.items():
            name = name_of(thing)
            if name is not None:
                kind = "thing" if isinstance(thing, Check | Monitor) else type(thing).__name__
                assert names.setdefault((kind, thing.id), name) in ("", 0, name)  # type: ignore[attr-defined]
                names[kind, thing.id] = name  # type: ignore[attr-defined]
    return names


def name_of(thing: msgspec.Struct) -> str | int | None:
    if isinstance(thing, Channel):
        return thing.number
    return thing.token if isinstance(thing, Check | Monitor | StatusPage) else None


def things_of(states: dict[str, Any]) -> list[Any]:
    return [record for record in states.values() if name_of(record) is not None]


@given(happenings)
def test_everything_has_a_name_when_it_is_made_and_no_two_ever_have_the_same(what: list[tuple[int, str, str]]) -> None:
    world = World()
    for happening in what:
        world.happen(*happening)
    given_names: Counter[tuple[str, str | int]] = Counter()
    for number, journal in enumerate(world.journals):
        names = names_given(number, journal)
        assert all(names.values())
        given_names.update((kind, name) for (kind, _), name in names.items())
    assert all(times == 1 for times in given_names.values())


@given(happenings, happenings, st.data())
def test_what_older_versions_made_is_named_by_ticks_wherever_the_folding_is_begun_anew(
    before: list[tuple[int, str, str]], after: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    world = World(partitions=0)
    for happening in before:
        world.happen(*happening)
    untold = [len(journal) for journal in world.journals]
    world.partitions = PARTITIONS
    for happening in after:
        world.happen(*happening)
    for number, journal in enumerate(world.journals):
        states, _ = fold(number, journal[: untold[number]])
        assert not any(name_of(thing) for thing in things_of(states))
        assert COUNTERS_KEY not in states
        world.tick(number)
        states, effects = fold(number, journal)
        assert all(name_of(thing) for thing in things_of(states))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(journal)), max_size=3)))
        again, effects_again = fold(number, journal, cuts)
        assert again == states
        assert effects_again == effects
        copies = [effect.value for effect in effects if isinstance(effect.value, CheckDefined | MonitorDefined)]
        told = {
            one.id: one for one in (copy.check if isinstance(copy, CheckDefined) else copy.monitor for copy in copies)
        }
        for thing in things_of(states):  # whoever keeps a copy knows the name
            assert not isinstance(thing, Check | Monitor) or told[thing.id] == thing
        # Nobody has changed anything: the audit trail tells of requests only.
        assert sum(isinstance(effect.value, ThingChanged) for effect in effects) <= len(journal)


def test_very_many_are_named_some_at_a_time_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "AT_ONCE", 2)
    world = World(partitions=0)
    ids = [world.make(1, kind) for kind in ("check", "monitor", "check", "channel", "status-page")]
    session = Session(Projects(), 1, View())
    session.step(world.journals[1])
    assert session.due() == NEVER
    world.partitions = PARTITIONS
    named: list[set[str]] = []
    for _ in range(4):
        world.tick(1)
        session.step(world.journals[1][-1:])
        named.append({thing.id for thing in things_of(dict(session.view.items())) if name_of(thing)})
        assert session.due() == (0 if len(named[-1]) < len(ids) else NEVER)
    assert named == [set(ids[:2]), set(ids[:4]), set(ids), set(ids)]
    assert session.view.get(f"check/{ids[0]}").token == thing_token(number_of(0, 1, PARTITIONS))
    assert session.view.get(f"check/{ids[0]}").version == 2
    assert session.view.get(COUNTERS_KEY) == TokenCounters(partitions=PARTITIONS, things=3, pages=1, channels=1)


@pytest.mark.parametrize("told", [1, 2])
def test_a_count_that_leaves_the_partition_out_is_not_believed(told: int) -> None:
    world = World(partitions=told)
    world.make(2, "check")
    states, _ = fold(2, world.journals[2])
    assert COUNTERS_KEY not in states


def test_the_count_that_was_told_first_stays() -> None:
    world = World()
    world.make(0, "check")
    world.partitions = 64
    id = world.make(0, "check")
    states, _ = fold(0, world.journals[0])
    assert states[f"check/{id}"].token == thing_token(number_of(1, 0, PARTITIONS))
    assert PROGRESS_KEY in states


def test_a_request_that_is_refused_uses_up_no_name() -> None:
    world = World()
    owner = world.owner(0)
    world.put(0, CheckCreate(id=derived_id("c"), fields=CheckFields(channels="nobody"), **world.request()))
    world.put(0, CheckCreate(id="no uuid", fields=CheckFields(name="c"), **world.request()))
    world.put(0, MonitorCreate(id=derived_id("m"), fields=MonitorFields(name="m"), most=0, **world.request()))
    strange = Channel(id=derived_id("ch"), project=owner, kind="webhook", url="", created=0)
    world.put(0, ChannelCreate(channel=strange, **world.request()))
    id = world.make(0, "monitor")
    states, _ = fold(0, world.journals[0])
    assert states[f"monitor/{id}"].token == thing_token(number_of(0, 0, PARTITIONS))
