"""Properties of gathering, over any course of notices, reports, removals, quiet hours, mutes and time."""

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.deliveries.fold import DeliveriesFold
from processors.deliveries.gathering import MOST_NAMED
from processors.fold.contract import Record, Session
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    DeliveryReplayed,
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    EndpointRemoved,
    delivery_id,
    event_id,
)
from schemas.gatherings import Gathering
from schemas.ids import derived_id
from schemas.mutes import PlainMute
from schemas.notices import DIGEST, NOTICES, AnyNotice
from schemas.quiet_hours import QuietHours
from schemas.ticks import Tick
from schemas.times import iso
from schemas.transitions import DeliveryFinished
from tests.gathering_driver import ReadChannels, about

T0: Micros = 1_740_148_320 * SECOND  # 14:32 UTC
FOLD = DeliveriesFold()
# They begin and end within the courses.
QUIET = QuietHours(start="14:33", end="14:40")
# They end within the courses, or soon after.
MUTES: tuple[PlainMute, ...] = (None, T0 + 300 * SECOND, T0 + 3_000 * SECOND)
TOLD: tuple[AnyNotice, ...] = ("monitor.down", "monitor.recovered", "monitor.ssl_expiration", "monitor.not_observed")

Step = tuple[str, Any]

channels = st.sampled_from(["a", "b"])
things = st.integers(0, 3)
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(
            st.just("define"),
            st.tuples(channels, st.sampled_from([None, QUIET]), st.sampled_from([None, False]), st.sampled_from(MUTES)),
        ),
        st.tuples(st.just("remove"), channels),
        *[st.tuples(st.just("tell"), st.tuples(channels, things, st.sampled_from(TOLD)))] * 4,
        st.tuples(st.just("report"), st.tuples(channels, st.sampled_from([200, 200, 410, 500]))),
        st.tuples(st.just("again"), channels),
        *[st.tuples(st.just("tick"), st.sampled_from([1, 5, 30, 61, 600]))] * 2,
    ),
    max_size=60,
)


class Course:
    """A course of steps as records, folded one by one: reports name what is outstanding."""

    def __init__(self, course: list[Step]) -> None:
        self.view = View()
        self.session = Session(FOLD, 0, self.view)
        self.records: list[Record] = []
        self.effects: list[Any] = []
        self.requested: list[str] = []
        self.begun: set[tuple[str, str]] = set()
        self.now = T0
        self._step("tick", 0)
        for channel, quiet in (("a", None), ("b", QUIET)):
            self._step("define", (channel, quiet, None, None))
        for step, what in course:
            self._step(step, what)

    def add(self, key: str, event: msgspec.Struct) -> None:
        record = Record(len(self.records), self.now, key.encode(), encode(event))
        self.records.append(record)
        before = {id for id, record in self.deliveries()}
        self.effects += [effect.value for effect in self.session.step([record])]
        self.begun |= {id for id, _ in self.deliveries()} | before

    def deliveries(self) -> list[tuple[tuple[str, str], Delivery]]:
        return [((one.id, one.replay), one) for _, one in self.view.items() if isinstance(one, Delivery)]

    def pending(self, channel: str) -> list[Delivery]:
        return sorted((one for _, one in self.deliveries() if one.channel == channel), key=lambda one: one.id)

    def _step(self, step: str, what: Any) -> None:
        if step == "tick":
            self.now += what * SECOND
            self.add("", Tick(slot="ticker", epoch=1, at=self.now, now=self.now))
        elif step == "define":
            channel, quiet, digest, mute = what
            endpoint = Endpoint(
                id=channel, project="p", url="https://n.example", notices=NOTICES, secret="", kind="ntfy",
                options={"topic": "t"}, quiet_hours=quiet, digest=digest, mute_until=mute,
            )  # fmt: skip
            self.add(channel, EndpointDefined(at=self.now, endpoint=endpoint))
        elif step == "remove":
            self.add(what, EndpointRemoved(at=self.now))
        elif step == "tell":
            channel, thing, notice = what
            transition = f"t{len(self.records)}"
            data = about(derived_id("m", thing), notice, self.now)
            data["incident"]["started_at"] = iso(T0)
            self.requested.append(delivery_id(event_id(transition, notice), channel))
            self.add(channel, DeliveryRequested(transition=transition, at=self.now, notices=(notice,), data=data))
        elif step == "report":
            channel, status = what
            for one in self.pending(channel):
                if one.due is None:
                    report = DeliveryAttempted(
                        delivery=one.id, attempt=one.attempt, at=self.now, status=status, replay=one.replay
                    )
                    self.add(channel, report)
                    return
        else:
            for one in self.pending(what)[:1]:
                again = DeliveryReplayed(
                    replay=f"r{len(self.records)}", at=self.now, event=one.event, notice=one.notice, body=one.body
                )
                self.add(what, again)

    def states(self) -> dict[str, msgspec.Struct]:
        return {key: record for key, record in self.view.items() if key != "partition"}


@given(course=steps, cuts=st.sets(st.integers(0, 90)), repeats=st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_any_split_repetition_and_restart_gives_the_same(course: list[Step], cuts: set[int], repeats: int) -> None:
    expected = Course(course)
    records = expected.records
    stored: dict[str, msgspec.Struct] = {}
    effects: list[Any] = []
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(records)), len(records)]
    for start, end in pairwise(edges):
        session = Session(FOLD, 0, View({key: FOLD.records.decode(encode(value)) for key, value in stored.items()}))
        batch = session.run(records[max(0, start - repeats) : end])
        effects += [effect.value for effect in batch.effects]
        for key, record in batch.changes.items():
            if record is None:
                stored.pop(key, None)
            else:
                stored[key] = record
    stored.pop("partition", None)
    assert (stored, effects) == (expected.states(), expected.effects)


@given(course=steps)
@settings(max_examples=150, deadline=None)
def test_each_notice_ends_once_and_each_gathered_one_is_in_a_list_that_ends_once(course: list[Step]) -> None:
    told = Course(course)
    # Time goes on, and whoever is asked takes it: nobody is forgotten.
    for _ in range(30):
        told._step("tick", 60)
        for channel in ("a", "b"):
            for _ in told.pending(channel):
                told._step("report", (channel, 200))
    for _ in range(5):
        told._step("tick", 86_400)
        for channel in ("a", "b"):
            for _ in told.pending(channel):
                told._step("report", (channel, 200))
    finished = [one for one in told.effects if isinstance(one, DeliveryFinished)]
    first = Counter(one.id for one in finished if not one.replay)
    assert all(first[id] == 1 for id in told.requested)
    lists = {one.id for one in finished if one.notice == DIGEST and not one.replay}
    assert all(first[id] == 1 for id in lists)
    named = {one.detail.removeprefix("told in the list ") for one in finished if one.outcome == "gathered"}
    assert named == lists
    assert all(one.body or one.detail == "the channel does not exist" for one in finished)
    # And nothing is left behind.
    assert not [record for _, record in told.view.items() if isinstance(record, Gathering | Delivery)]
    counted = Counter(one.detail for one in finished if one.outcome == "gathered")
    for one in finished:
        if one.id in lists and not one.replay:
            digest = json.loads(one.body)["data"]["digest"]
            assert digest["notices"] == counted[f"told in the list {one.id}"]


@given(
    at=st.lists(st.integers(0, 59_999), min_size=1, max_size=300),
    seconds=st.floats(0.3, 5),
    returns=st.booleans(),
)
@example(at=list(range(0, 59_999, 60)), seconds=1, returns=True)
@settings(max_examples=40, deadline=None)
def test_a_storm_of_a_minute_is_at_most_three_notices(at: list[int], seconds: float, returns: bool) -> None:
    """at: when each of the things breaks, in milliseconds. seconds: from one tick to the next."""
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read()
    _storm(driver, sorted(at), seconds, "monitor.down")
    broken = len(driver.sent)
    assert broken <= 3
    if returns:
        driver.wait(600)
        _storm(driver, sorted(at), seconds, "monitor.recovered")
        assert len(driver.sent) - broken <= 3
    assert len(json.loads(driver.sent[-1][1].body).get("data", {}).get("digest", {}).get("things", ())) <= MOST_NAMED


def _storm(driver: ReadChannels, at: list[int], seconds: float, notice: AnyNotice) -> None:
    begin, ticked = driver.now, driver.now
    for number, millis in enumerate(at):
        now = begin + (millis - at[0]) * 1_000
        while ticked + int(seconds * SECOND) <= now:
            ticked += int(seconds * SECOND)
            driver.tick(ticked)
        driver.now = max(driver.now, now)
        driver.tell(f"m{number}", notice)
    driver.wait(150)


@given(course=st.lists(st.tuples(things, st.sampled_from(TOLD[:2])), min_size=3, max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_list_tells_of_each_thing_what_happened_last(course: list[tuple[int, AnyNotice]]) -> None:
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read()
    for thing, notice in course:
        driver.tell(f"m{thing}", notice)
    driver.wait(150)
    [_, (_, listed)] = driver.sent
    told = {one["monitor"]["id"]: one for one in json.loads(listed.body)["data"]["digest"]["things"]}
    gathered = course[1:]
    assert set(told) == {f"m{thing}" for thing, _ in gathered}
    for thing, notice in dict(gathered).items():
        assert told[f"m{thing}"]["event"] == notice
        first = next(kind for each, kind in gathered if each == thing)
        assert told[f"m{thing}"]["first_event"] == (first if first != notice else notice)
