"""Whatever is asked of the `projects` fold, in whatever pieces: the same states, one check per slug, a true index."""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.fold.contract import Effect, Session
from processors.fold.view import View
from processors.projects.channels import note_of
from processors.projects.fold import Projects
from schemas.base import encode
from schemas.dead_letters import DeadLetter
from schemas.definitions import Channel, Check, definition_key
from schemas.deliveries import ConfirmationRequested, EndpointDefined, EndpointRemoved
from schemas.monitors import Monitor
from schemas.notice_choices import NoticesChosen
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MonitorDefined, MonitorRemoved
from schemas.recipients import MOST_REQUESTS, Recipient, normalized, recipient_id
from schemas.rejections import RejectionCode
from schemas.requests import (
    CheckCreate,
    CheckFields,
)
from schemas.schedules import Simple
from schemas.ticks import PROGRESS_KEY, Tick
from schemas.tokens import COUNTERS_KEY
from schemas.topics import DECISIONS, DELIVERIES, PINGS
from tests.project_histories import (
    INVALID_REQUEST,
    WRONG_TIME,
    Event,
    Watched,
    decisions,
    histories,
    records,
    single_pass,
    states,
)


@given(histories, st.data())
def test_restarts_anywhere_give_what_a_single_pass_gives(events: list[Event], data: st.DataObject) -> None:
    journal = records(events)
    expected, effects, _ = single_pass(journal)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(journal)), max_size=4)))
    topic: dict[str, bytes] = {}
    seen: list[Effect] = []
    decode = Projects.records.decode
    for start, end in zip([0, *cuts], [*cuts, len(journal)], strict=True):
        # Loaded in another order, and with a part of the journal that is applied already.
        view = View({key: decode(value) for key, value in sorted(topic.items(), reverse=True)})
        batch = Session(Watched(), 0, view).run(journal[max(0, start - 3) : end])
        seen += batch.effects
        for key, record in batch.changes.items():
            if record is None:
                topic.pop(key, None)  # made and removed within one batch: only the removal is written
            else:
                topic[key] = encode(record)
    assert {key: decode(value) for key, value in topic.items()} == expected
    assert seen == effects


@given(histories, st.lists(st.integers(0, 40), max_size=10))
def test_the_index_is_true_after_every_event_undone_or_not(events: list[Event], failing: list[int]) -> None:
    fold = Watched(failing)
    session = Session(fold, 0, View())
    for record in records(events):
        session.step([record])
        assert fold.index_is_true()


@given(histories, st.sets(st.integers(1, 40), max_size=10))
def test_an_event_that_fails_leaves_no_trace(events: list[Event], failing: set[int]) -> None:
    journal = records(events)
    session = Session(Watched(failing), 0, View())
    effects = session.step(journal)
    expected, expected_effects, clean = single_pass([record for record in journal if record.offset not in failing])
    assert states(session.view) == {key: record for key, record in expected.items() if key != PROGRESS_KEY}
    assert session.progress.time == clean.progress.time
    failed = {record.offset for record in journal if record.offset in failing}
    assert [effect for effect in effects if getattr(effect.value, "offset", None) not in failed] == expected_effects


@given(histories)
def test_each_request_gets_one_verdict_dead_letters_too(events: list[Event]) -> None:
    journal = records(events)
    _, effects, _ = single_pass(journal)
    answers = Counter(effect.key for effect in effects if effect.topic is DECISIONS)
    requests = {f"r{offset}" for offset, (_, event) in enumerate(events) if not isinstance(event, Tick)}
    assert answers == Counter(requests)
    dead = {f"r{effect.value.offset}" for effect in effects if isinstance(effect.value, DeadLetter)}
    judged = {one.request for one in decisions(effects) if one.code not in (WRONG_TIME, INVALID_REQUEST)}
    assert requests - dead == judged


@given(histories)
def test_definitions_and_what_the_pings_journal_is_told_agree(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    told: dict[str, Check] = {}
    notes: dict[str, NoticesChosen] = {}
    for effect in effects:
        if effect.topic is not PINGS:
            continue
        if isinstance(effect.value, CheckRemoved):
            del told[effect.key]
            continue
        if isinstance(effect.value, NoticesChosen):
            note = msgspec.structs.replace(effect.value, at=0)
            assert notes.get(effect.key, NoticesChosen(at=0)) != note
            notes[effect.key] = note
            continue
        assert isinstance(effect.value, CheckDefined)
        check = effect.value.check
        assert effect.key == check.id
        before = told.get(check.id)
        assert check.version == (1 if before is None else before.version + 1)
        if before is not None:
            same = msgspec.structs.replace(check, version=before.version)
            assert (check.created, check.project) == (before.created, before.project)
            assert same != before
        told[check.id] = check
    assert told == {record.id: record for record in final.values() if isinstance(record, Check)}
    channels = {record.id: record for record in final.values() if isinstance(record, Channel)}
    nothing = NoticesChosen(at=0)
    for id in channels.keys() | notes.keys():
        assert notes.get(id, nothing) == (note_of(channels[id], 0) if id in channels else nothing)
    others = (PROGRESS_KEY, COUNTERS_KEY)
    assert all(key == definition_key(record) for key, record in final.items() if key not in others)  # type: ignore[arg-type]
    for check in told.values():
        assert list(check.channels) == sorted(set(check.channels))
        for id in check.channels:
            assert getattr(final[f"channel/{id}"], "project", None) == check.project


@given(histories)
def test_no_monitor_depends_on_itself_and_those_that_others_depend_on_know(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    monitors = {record.id: record for record in final.values() if isinstance(record, Monitor)}
    depended_on = {id for monitor in monitors.values() for id in monitor.depends_on}
    assert depended_on == {monitor.id for monitor in monitors.values() if monitor.depended_on}
    for monitor in monitors.values():
        above = list(monitor.depends_on)
        for _ in range(len(monitors)):  # no chain is longer, unless it is a ring
            assert monitor.id not in above
            assert all(monitors[id].project == monitor.project for id in above)
            above = [one for id in above for one in monitors[id].depends_on]
    told: dict[str, Monitor] = {}
    for effect in effects:
        if isinstance(effect.value, MonitorRemoved):
            del told[effect.key]
        elif isinstance(effect.value, MonitorDefined):
            told[effect.key] = effect.value.monitor
    assert told == monitors


@given(histories)
def test_the_owner_of_an_address_has_the_last_word(events: list[Event]) -> None:
    final, effects, _ = single_pass(records(events))
    recipients = {record.id: record for record in final.values() if isinstance(record, Recipient)}
    channels = {record.id: record for record in final.values() if isinstance(record, Channel)}
    for channel in channels.values():
        assert set(channel.unconfirmed) <= set(channel.addresses)
        for address in channel.addresses:
            recipient = recipients.get(recipient_id(channel.project, address))
            if recipient is not None and recipient.blocked_at is not None:
                assert address in channel.unconfirmed
            if recipient is not None and recipient.confirmed_at is not None:
                assert address not in channel.unconfirmed
    # What the deliveries were told is what stands in the definitions, and nobody was asked too often.
    told: dict[str, Any] = {}
    asked: Counter[str] = Counter()
    for effect in effects:
        if isinstance(effect.value, EndpointDefined):
            told[effect.key] = effect.value.endpoint.unconfirmed
        elif isinstance(effect.value, EndpointRemoved):
            del told[effect.key]
        elif isinstance(effect.value, ConfirmationRequested):
            assert effect.topic is DELIVERIES
            asked[effect.value.recipient] += 1
            assert effect.value.n == asked[effect.value.recipient]
            assert recipients[effect.value.recipient].address == normalized(effect.value.address)
    assert told == {id: channel.unconfirmed for id, channel in channels.items()}
    assert max(asked.values(), default=0) <= MOST_REQUESTS


def expected_target(view: View, owner: str, create: CheckCreate) -> list[Check]:
    """By a plain scan: the checks that the slug or the unique fields mean, oldest first."""

    def value(thing: Check | CheckFields, field: str) -> object:
        if field == "timeout":
            return thing.schedule.period if isinstance(thing.schedule, Simple) else thing
        return getattr(thing, field)

    checks = [check for _, check in view.items() if isinstance(check, Check) and check.project == owner]
    if create.provision:
        found = [check for check in checks if check.slug == create.fields.slug]
    else:
        found = [
            c for c in checks if create.unique and all(value(c, f) == value(create.fields, f) for f in create.unique)
        ]
    return sorted(found, key=lambda check: (check.created, check.id))


@given(histories)
def test_slugs_and_unique_mean_what_a_plain_scan_finds(events: list[Event]) -> None:
    session = Session(Watched(), 0, View())
    for record, (owner, event) in zip(records(events), events, strict=True):
        create = isinstance(event, CheckCreate) and session.view.get(f"check/{event.id}") is None
        targets = expected_target(session.view, owner, event) if isinstance(event, CheckCreate) else []
        verdicts = decisions(session.step([record]))
        if not create or not isinstance(event, CheckCreate) or not verdicts:
            continue
        [verdict] = verdicts
        if verdict.code is RejectionCode.AMBIGUOUS_SLUG:
            assert len(targets) > 1
        elif verdict.outcome == "made":
            assert (verdict.id, targets) == (event.id, [])
        elif verdict.outcome != "refused":
            assert verdict.outcome == ("found" if event.provision else "updated")
            assert verdict.id == targets[0].id
