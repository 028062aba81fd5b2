"""Whatever is asked of a mailbox, by whom and in whatever spelling: few requests are mailed, none once blocked."""

from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Record, Session
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.deliveries import ConfirmationRequested, Delivery, DeliveryAttempted, MailboxAnswered
from schemas.ids import derived_id
from schemas.recipients import LINK_VALID, MAILBOX_SPAN, MOST_MAILS, mailbox_id
from schemas.ticks import Tick
from schemas.transitions import DeliveryFinished

T0: Micros = 1_740_148_320 * SECOND
FOLD = DeliveriesFold()
MAILBOX = mailbox_id("a@example.org")

steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.tuples(st.integers(1, 3), st.sampled_from(["a@example.org", "A+x@Example.org"]))),
        st.tuples(st.just("ask"), st.tuples(st.integers(1, 3), st.sampled_from(["a@example.org", "a+y@example.org"]))),
        st.tuples(st.just("answer"), st.booleans()),
        st.tuples(st.just("report"), st.sampled_from([250, None])),
        st.tuples(st.just("tick"), st.sampled_from([1, 60, 3_600, 50_000])),
    ),
    max_size=60,
)


def journal(course: list[tuple[str, Any]]) -> list[Record]:
    now, records, asked = T0, list[Record](), Counter[str]()
    names: list[str] = []

    def add(key: str, event: msgspec.Struct) -> None:
        records.append(Record(len(records), now, key.encode(), encode(event)))

    for step, what in [("tick", 1), *course]:
        if step == "tick":
            now += what * SECOND
            add("", Tick(slot="ticker", epoch=1, at=now, now=now))
        elif step == "ask":
            project, address = what
            recipient = derived_id(project, address.lower())
            asked[recipient] += 1
            n = asked[recipient]
            names.append(derived_id(derived_id(recipient, "confirmation", n), MAILBOX))
            event = ConfirmationRequested(
                at=now, recipient=recipient, project=str(project), address=address, n=n, expires=now + LINK_VALID
            )
            add(MAILBOX, event)
        elif step == "answer":
            add(MAILBOX, MailboxAnswered(at=now, blocked=what))
        else:
            for name in names[-2:]:
                add(MAILBOX, DeliveryAttempted(delivery=name, attempt=1, at=now, status=what, error="451"))
    return records


@given(steps)
def test_a_mailbox_gets_few_requests_and_none_once_its_owner_wants_none(course: list[tuple[str, Any]]) -> None:
    view = View()
    session = Session(FOLD, 0, view)
    begun: dict[str, Micros] = {}
    ended: Counter[str] = Counter()
    blocked = False
    asked = 0
    for record in journal(course):
        event = FOLD.events.decode(record.value or b"")
        effects = session.step([record])
        if isinstance(event, MailboxAnswered):
            blocked = event.blocked
        pending = {value.id: value for _, value in view.items() if isinstance(value, Delivery)}
        asked += isinstance(event, ConfirmationRequested)
        ended.update(effect.value.id for effect in effects if isinstance(effect.value, DeliveryFinished))
        for id in pending.keys() - begun.keys():
            assert isinstance(event, ConfirmationRequested)
            assert pending[id].to == (event.address,)
            begun[id] = record.timestamp
        assert not (blocked and pending)
    times = sorted(begun.values())
    assert all(sum(at - MAILBOX_SPAN < other <= at for other in times) <= MOST_MAILS for at in times)
    # Nothing is dropped: each request is pending or has ended, once.
    assert set(ended.values()) <= {1}
    assert len(ended) + len(pending) == asked


@given(steps, st.sets(st.integers(1, 60), max_size=4))
def test_restarts_anywhere_change_nothing(course: list[tuple[str, Any]], cuts: set[int]) -> None:
    records = journal(course)
    whole = View()
    expected = Session(FOLD, 0, whole).step(records)
    stored: dict[str, msgspec.Struct] = {}
    effects = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    for start, end in pairwise(edges):
        view = View({key: FOLD.records.decode(encode(value)) for key, value in stored.items()})
        batch = Session(FOLD, 0, view).run(records[max(0, start - 2) : end])
        effects += batch.effects
        for key, value in batch.changes.items():
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
    assert effects == expected
    assert {**stored, "partition": None} == {**dict(whole.items()), "partition": None}
