"""Properties of the deliveries fold, over any course of requests, reports, removals and time."""

import itertools
from collections import Counter, deque
from itertools import pairwise
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.deliveries import ends as delivery_ends
from processors.deliveries.fold import DeliveriesFold
from processors.deliveries.retry_policy import DAY, MOST_PENDING
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
    delivery_key,
)
from schemas.ids import derived_id
from schemas.message_templates import MessageTemplate, TemplateCopy, TemplateDefined, TemplateRemoved
from schemas.notices import NOTICES
from schemas.ticks import Tick
from schemas.transitions import ChannelTroubled, DeliveryFinished

T0: Micros = 1_740_148_320 * SECOND
CHANNELS = ("a", "b", "c")
FOLD = DeliveriesFold()

Step = tuple[str, Any]
Journal = list[Record]

channels = st.sampled_from(CHANNELS)
transitions = st.integers(0, 5)
sendings = st.sampled_from(["", "", "r1", "r2"])
# Mostly 1 and 2, which are the numbers of attempts that are outstanding, and some that are not.
reports = st.tuples(
    st.just("report"),
    st.tuples(channels, transitions, st.integers(1, 4), st.sampled_from([None, 200, 410, 429, 500]), sendings),
)
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("define"), channels),
        st.tuples(st.just("remove"), channels),
        st.tuples(st.just("request"), st.tuples(channels, transitions)),
        st.tuples(st.just("request"), st.tuples(channels, transitions)),
        st.tuples(st.just("replay"), st.tuples(channels, transitions, st.sampled_from(["r1", "r2"]))),
        reports,
        reports,
        st.tuples(st.just("tick"), st.sampled_from([1, 5, 40, 200, 90_000])),
        st.tuples(st.just("word"), st.tuples(st.sampled_from(["x", "y"]), st.integers(1, 3))),
        st.tuples(st.just("unword"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("nonsense"), channels),
    ),
    max_size=60,
)


def delivery_id(channel: str, transition: int) -> str:
    return derived_id(derived_id(f"t{transition}", "monitor.down"), channel)


def endpoint(channel: str) -> Endpoint:
    kind = {"b": "slack", "c": "updown"}.get(channel, "webhook")
    return Endpoint(id=channel, project="p", url=f"https://{channel}.example/", notices=NOTICES, secret="s", kind=kind)


def journal(course: list[Step]) -> Journal:
    """The records of a course of steps; every channel is there at the beginning."""
    now, records = T0, Journal()

    def add(key: str, value: bytes) -> None:
        records.append(Record(len(records), now, key.encode(), value))

    for step, what in [("tick", 0), *(("define", channel) for channel in CHANNELS), *course]:
        if step == "tick":
            now += what * SECOND
            add("", encode(Tick(slot="ticker", epoch=1, at=now, now=now)))
        elif step == "define":
            add(what, encode(EndpointDefined(at=now, endpoint=endpoint(what))))
        elif step == "remove":
            add(what, encode(EndpointRemoved(at=now)))
        elif step == "request":
            channel, transition = what
            request = DeliveryRequested(transition=f"t{transition}", at=now, notices=("monitor.down",), data={})
            add(channel, encode(request))
        elif step == "report":
            channel, transition, attempt, status, replay = what
            name = delivery_id(channel, transition)
            report = DeliveryAttempted(delivery=name, attempt=attempt, at=now, status=status, replay=replay)
            add(channel, encode(report))
        elif step == "replay":
            channel, transition, replay = what
            event = derived_id(f"t{transition}", "monitor.down")
            again = DeliveryReplayed(replay=replay, at=now, event=event, notice="monitor.down", body="{}")
            add(channel, encode(again))
        elif step == "word":
            id, version = what
            template = MessageTemplate(
                id=id, project="p", version=version, created=T0, revised=now, name=id, text=f"{id}{version}"
            )
            add(id, encode(TemplateDefined(at=now, template=template)))
        elif step == "unword":
            add(what, encode(TemplateRemoved(at=now, id=what)))
        else:
            add(what, b'{"type":"delivery.requested","at":-1}')
    return records


def run(records: Journal) -> tuple[dict[str, msgspec.Struct], list[Any]]:
    """One pure pass: the states, without the partition's own record, and the effects."""
    view = View()
    effects = Session(FOLD, 0, view).step(records)
    return {key: record for key, record in view.items() if key != "partition"}, [effect.value for effect in effects]


@pytest.mark.parametrize("most", [2, 10_000])
@given(course=steps, cuts=st.sets(st.integers(0, 70)), repeats=st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_any_split_repetition_and_restart_gives_the_same(
    most: int, course: list[Step], cuts: set[int], repeats: int
) -> None:
    with mock.patch.multiple(delivery_ends, MOST_PENDING=most, MOST_UNTRIED=3 * most):
        _compare_split(journal(course), cuts, repeats)


def _compare_split(records: Journal, cuts: set[int], repeats: int) -> None:
    expected = run(records)
    stored: dict[str, msgspec.Struct] = {}
    effects: list[Any] = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    for start, end in pairwise(edges):
        # A restart: the states are read back from what was stored, some records come again.
        session = Session(FOLD, 0, View({key: FOLD.records.decode(encode(value)) for key, value in stored.items()}))
        batch = session.run(records[max(0, start - repeats) : end])
        effects += [effect.value for effect in batch.effects]
        for key, record in batch.changes.items():
            if record is None:
                stored.pop(key, None)
            else:
                stored[key] = record
    stored.pop("partition", None)
    assert (stored, effects) == expected


@pytest.mark.parametrize("most", [2, 10_000])
@given(course=steps)
@settings(max_examples=100, deadline=None)
def test_every_delivery_ends_in_exactly_one_final_state(most: int, course: list[Step]) -> None:
    with mock.patch.multiple(delivery_ends, MOST_PENDING=most, MOST_UNTRIED=3 * most):
        _count_ends(course, most)


def _count_ends(course: list[Step], most: int) -> None:
    """Counted over the course: begun = ended + pending, for every id, and the end comes at most once per beginning."""
    view = View()
    session = Session(FOLD, 0, view)
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for record in journal(course):
        before = {key for key, value in view.items() if isinstance(value, Delivery)}
        effects = session.step([record])
        after = {key for key, value in view.items() if isinstance(value, Delivery)}
        finished = [effect.value for effect in effects if isinstance(effect.value, DeliveryFinished)]
        begun.update(after - before)
        for value in finished:
            key = delivery_key(value.id)
            if key not in before:  # refused at once, for want of a channel, told in a list, or the oldest of too many
                assert value.outcome in ("removed", "gathered") or (value.outcome == "exhausted" and len(after) >= most)
                begun[key] += 1
            ended[key] += 1
        assert before - after == {delivery_key(value.id) for value in finished} & before
    for key, count in begun.items():
        assert count == ended[key] + (view.get(key) is not None)
    pending = [value for _, value in view.items() if isinstance(value, Delivery)]
    assert max(Counter(delivery.channel for delivery in pending).values(), default=0) <= 3 * most
    for channel in CHANNELS:  # and removing the channels ends the rest: the index beside the view is right
        record = Record(10_000 + CHANNELS.index(channel), 0, channel.encode(), encode(EndpointRemoved(at=T0)))
        left = {effect.value.id for effect in session.step([record]) if isinstance(effect.value, DeliveryFinished)}
        assert left == {delivery.id for delivery in pending if delivery.channel == channel}


@given(course=steps, data=st.data())
@settings(max_examples=150, deadline=None)
def test_reports_of_attempts_that_are_not_outstanding_change_nothing(course: list[Step], data: st.DataObject) -> None:
    view = View()
    session = Session(FOLD, 0, view)
    session.step(journal(course))
    session.view.take_changes()
    channel, transition, attempt = data.draw(st.tuples(channels, transitions, st.integers(1, 4)))
    known = view.get(delivery_key(delivery_id(channel, transition)))
    if known is not None and known.due is None and known.attempt == attempt:
        attempt += 1
    before = dict(view.items())
    status = data.draw(st.sampled_from([200, 410, 500]))
    report = DeliveryAttempted(delivery=delivery_id(channel, transition), attempt=attempt, at=T0, status=status)
    record = Record(10_000, 0, channel.encode(), encode(report))
    assert session.step([record]) == []
    assert session.view.take_changes().keys() == {"partition"}
    assert {k: v for k, v in view.items() if k != "partition"} == {k: v for k, v in before.items() if k != "partition"}


@given(course=steps)
@settings(max_examples=150, deadline=None)
def test_what_happens_to_one_channel_changes_nothing_of_another(course: list[Step]) -> None:
    records = journal(course)
    states, effects = run(records)
    for channel in CHANNELS:
        alone, its_effects = run([record for record in records if record.key in (b"", b"x", b"y", channel.encode())])
        alone = {key: value for key, value in alone.items() if not isinstance(value, TemplateCopy)}
        assert {key: value for key, value in states.items() if belongs(key, value, channel)} == alone
        assert [effect for effect in effects if getattr(effect, "channel", None) == channel] == [
            effect for effect in its_effects if getattr(effect, "channel", None) == channel
        ]


def belongs(key: str, value: msgspec.Struct, channel: str) -> bool:
    return value.channel == channel if isinstance(value, Delivery) else key.partition("/")[2] == channel


@given(course=steps)
@settings(max_examples=50, deadline=None)
def test_an_outage_ends_and_everything_is_delivered(course: list[Step]) -> None:
    """Whatever came before: once the receivers answer, each pending delivery is delivered when its time comes."""
    view = View()
    session = Session(FOLD, 0, view)
    records = journal(course)
    session.step(records)
    offset, now = 10_000, T0 + 100 * 86_400 * SECOND
    session.step([Record(offset, 0, b"", encode(Tick(slot="ticker", epoch=1, at=now, now=now)))])
    pending = [value for _, value in view.items() if isinstance(value, Delivery)]
    for delivery in pending:
        offset += 1
        assert delivery.due is None
        report = DeliveryAttempted(
            delivery=delivery.id, attempt=delivery.attempt, at=now, status=200, replay=delivery.replay
        )
        [effect] = session.step([Record(offset, 0, delivery.channel.encode(), encode(report))])
        assert isinstance(effect.value, DeliveryFinished)
        assert effect.value.outcome == "delivered"
    assert not [value for _, value in view.items() if isinstance(value, Delivery)]


def test_ten_days_of_a_receiver_that_times_out_are_bounded_and_end() -> None:
    """A notice a second for half a day, then one a minute; one attempt at a time, each of which takes ten seconds."""
    view = View()
    session = Session(FOLD, 0, view)
    offset = itertools.count()
    now, most, busy_until, under_way = T0, 0, T0, None
    queue: deque[tuple[str, int]] = deque()
    ended: Counter[str] = Counter()
    disabled: list[float] = []

    def fold(key: str, event: msgspec.Struct) -> None:
        nonlocal most
        for effect in session.step([Record(next(offset), now, key.encode(), encode(event))]):
            if isinstance(effect.value, DeliveryFinished):
                ended[effect.value.outcome] += 1
            elif isinstance(effect.value, ChannelTroubled) and effect.value.disabled:
                disabled.append((now - T0) / DAY)
        for name, record in view.take_changes().items():
            if isinstance(record, Delivery) and record.due is None:
                queue.append((name, record.attempt))
        most = max(most, len(view))

    fold("", Tick(slot="ticker", epoch=1, at=now, now=now))
    fold("a", EndpointDefined(at=now, endpoint=endpoint("a")))
    asked = 0
    while now < T0 + 10 * DAY:
        now += SECOND if now < T0 + DAY // 2 else 60 * SECOND
        fold("", Tick(slot="ticker", epoch=1, at=now, now=now))
        fold("a", DeliveryRequested(transition=f"t{asked}", at=now, notices=("monitor.down",), data={}))
        asked += 1
        if under_way is not None and now >= busy_until:
            name, attempt = under_way
            fold("a", DeliveryAttempted(delivery=name, attempt=attempt, at=now, timed_out=True, error="no answer"))
            under_way = None
        while under_way is None and queue:
            key, attempt = queue.popleft()
            delivery = view.get(key)
            if isinstance(delivery, Delivery) and delivery.due is None and delivery.attempt == attempt:
                under_way, busy_until = (delivery.id, attempt), now + 10 * SECOND
    assert most <= MOST_PENDING + 3  # the channel's two records, and that of the partition
    assert disabled == [pytest.approx(5, abs=0.01)]
    assert ended == {"exhausted": ended["exhausted"], "removed": asked - ended["exhausted"]}
    assert len(view) == 3
