"""The schedules of reports, whatever happens when: each period is told once, the newest is never forgotten, and the
same journal says the same however it is split and wherever the work is taken over."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.fold.contract import Effect
from processors.projects.fold import Projects
from schemas.base import SECOND, Micros
from schemas.definitions import Channel, Project
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.report_periods import PERIODS, PeriodKind, newest_period
from schemas.reports import (
    GIVEN_UP_AFTER,
    ReportFields,
    ReportMade,
    ReportSchedule,
    ReportSettings,
    ReportState,
    settings_key,
    state_key,
)
from schemas.requests import ChannelCreate, ProjectCreate
from schemas.ticks import Tick
from schemas.topics import DELIVERIES
from tests.folding import Folding, Journal, told

HOUR: Micros = 3_600 * SECOND
START: Micros = 1_750_000_000 * SECOND
PROJECT, CHANNEL = derived_id("p"), derived_id("c")
ZONES = ("UTC", "Europe/Riga", "America/St_Johns", "Pacific/Kiritimati", "America/Havana")

_passes = st.one_of(st.integers(1, 5 * 24), st.integers(1, 60 * 24)).map(lambda hours: ("tick", hours))
_makes = st.sampled_from(PERIODS).map(lambda kind: ("make", kind))
_sets = st.fixed_dictionaries(
    {}, optional={"weekly": st.booleans(), "monthly": st.booleans(), "timezone": st.sampled_from(ZONES)}
).map(lambda fields: ("set", fields))
happenings = st.lists(st.one_of(_passes, _passes, _makes, _makes, _sets), max_size=25)


class World:
    """A project that wants both reports, and what happens to it; `reported` are the ids of what was requested."""

    def __init__(self) -> None:
        self.folding, self.journal = Folding(Projects()), Journal()
        self.time = START
        self.number = 0
        project = Project(id=PROJECT, name="P", ping_key="k", created=0, webhook_secret="")
        channel = Channel(id=CHANNEL, project=PROJECT, kind="webhook", url="https://x.example/", created=0)
        self.tell(ProjectCreate(request="1", at=self.time, project=project))
        self.tell(ChannelCreate(request="2", at=self.time, channel=channel))
        self.set(weekly=True, monthly=True, timezone="UTC", channels=(CHANNEL,))

    def tell(self, event: Any) -> list[Effect]:
        return self.folding.feed([self.journal.add(PROJECT, event, self.time)])

    def set(self, **fields: Any) -> None:
        self.number += 1
        self.tell(ReportSchedule(request=f"set {self.number}", at=self.time, fields=ReportFields(**fields)))

    def tick(self, hours: int) -> None:
        self.time += hours * HOUR
        self.tell(Tick(slot="ticker", epoch=1, at=self.time, now=self.time))

    def make(self, kind: PeriodKind) -> None:
        """Whoever sees it pending makes it; it also comes when nothing is pending."""
        labels = [each.label for each in self.state.pending if each.kind == kind]
        self.number += 1
        request = f"made {self.number}"
        label = labels[0] if labels else newest_period(kind, self.settings.timezone, self.time).label
        self.tell(ReportMade(request=request, at=self.time, kind=kind, label=label, content={"period": kind}))

    def happen(self, story: Sequence[tuple[str, Any]]) -> None:
        for what, argument in story:
            if what == "tick":
                self.tick(argument)
            elif what == "make":
                self.make(argument)
            else:
                self.set(**argument)

    @property
    def settings(self) -> ReportSettings:
        return self.folding.state(ReportSettings, settings_key(PROJECT))

    @property
    def state(self) -> ReportState:
        return self.folding.state(ReportState, state_key(PROJECT))

    def reported(self) -> list[str]:
        return reported(self.folding.effects)


def reported(effects: Sequence[Effect]) -> list[str]:
    return [
        effect.value.transition
        for effect in effects
        if effect.topic is DELIVERIES and isinstance(effect.value, DeliveryRequested)
    ]


@given(happenings)
def test_each_period_is_told_once_and_the_newest_is_not_forgotten(story: list[tuple[str, Any]]) -> None:
    world = World()
    world.happen(story)
    assert len(set(world.reported())) == len(world.reported())
    settings, state = world.settings, world.state
    for kind in PERIODS:
        wanted = settings.weekly if kind == "week" else settings.monthly
        due = [each for each in state.pending if each.kind == kind]
        assert len(due) <= int(wanted)
        assert all(each.end <= world.time < each.end + GIVEN_UP_AFTER + 60 * 24 * HOUR for each in due)
    # One more tick: nothing that has ended is unknown, and nothing is due before its time.
    world.tick(1)
    for kind in PERIODS:
        if settings.weekly if kind == "week" else settings.monthly:
            assert world.state.told[kind] >= newest_period(kind, settings.timezone, world.time).label
    assert world.folding.session.due() > world.time


@given(happenings, st.data())
def test_the_same_journal_says_the_same(story: list[tuple[str, Any]], data: st.DataObject) -> None:
    world = World()
    world.happen(story)
    again = Folding(Projects())
    records = list(world.journal)
    while records:
        size = data.draw(st.integers(1, len(records)))
        again.feed(records[:size])
        records = records[size:]
        if data.draw(st.booleans()):
            again.restart()
    assert again.committed.keys() == world.folding.committed.keys()
    assert again.committed.get(state_key(PROJECT)) == world.folding.committed.get(state_key(PROJECT))
    assert [told(effect) for effect in again.effects] == [told(effect) for effect in world.folding.effects]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60), st.sampled_from(ZONES))
def test_with_somebody_who_makes_them_every_period_is_told(hours: list[int], tz: str) -> None:
    """Ticks come at most eight days apart, so no week is passed over by the next one before it could be made."""
    world = World()
    world.set(timezone=tz, monthly=False)
    first = newest_period("week", "UTC", world.time).label
    for passed in hours:
        world.tick(min(passed, 160))
        world.make("week")
    labels = [label for label in _labels("week", tz, world.time) if label > first]
    assert world.reported() == [derived_id(PROJECT, "report", "week", label) for label in labels]


def _labels(kind: PeriodKind, tz: str, until: Micros) -> list[str]:
    found = {newest_period(kind, tz, START + step * 24 * HOUR).label for step in range((until - START) // (24 * HOUR))}
    return sorted(found | {newest_period(kind, tz, until).label})
