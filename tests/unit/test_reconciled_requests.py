"""Requests for deliveries that a truncated journal has lost: each is made again as it was, once, or not at all."""

from collections.abc import Callable

import msgspec
import pytest

from processors.checks import transitions as check_transitions
from processors.fold.contract import Effect
from processors.fold.reconciliation import (
    Defined,
    Thing,
    missed_by_deliveries,
    missed_requests,
)
from processors.monitors import transitions as monitor_transitions
from schemas.deliveries import (
    ConfirmationRequested,
    DeliveryAttempted,
    DeliveryRequested,
    delivery_id,
    event_id,
)
from schemas.notices import NOTICES
from schemas.pings import CheckDefined
from schemas.recipients import mailbox_id
from schemas.schedules import Simple
from schemas.transitions import DeliveryFinished, StatusChanged, ValidityTold
from tests import monitor_story
from tests.check_story import CHECK, Story, t
from tests.escalation_story import FIRST, DownCheck
from tests.folding import of_type
from tests.lost_ends import HOOK, NEW, OTHER, Deliveries, check_of
from tests.validity_story import Watched, certificate

HOOKS = {"hook": HOOK}


# ---- requests for deliveries


def test_a_request_is_made_again_as_it_was() -> None:
    """Of a check that goes down by a deadline and by a failure, comes back, and is not observed."""
    story = Story(schedule=Simple(60), grace=60)
    steps: list[Callable[[], list[Effect]]] = [
        lambda: story.ping(1),
        lambda: story.tick(200),
        lambda: story.ping(201),
        lambda: story.ping(202, "fail"),
        lambda: story.ping(203),
        lambda: story.gap(204, 230),
        lambda: story.tick(330),
        lambda: story.tick(600),
    ]
    cause, seen = "", list[str]()
    for step in steps:
        effects = step()
        requested = of_type(effects, DeliveryRequested)
        seen += [notice for request in requested for notice in request.notices]
        for change in of_type(effects, StatusChanged)[-1:]:
            cause = change.detail if change.now == "down" else cause
            again = check_transitions.request_again(change, cause, story.state, check_of(story))
            assert ([] if again is None else [again]) == requested[-1:]
    assert set(seen) == {
        "monitor.down", "incident.created", "monitor.recovered", "incident.resolved", "monitor.not_observed",
    }  # fmt: skip


def test_a_request_about_a_monitor_is_made_again_as_it_was() -> None:
    story = monitor_story.Story()
    cause, told = "", 0
    for n, ok in enumerate((True, False, True)):
        effects = story.probe(n, ok)
        [change] = of_type(effects, StatusChanged)
        cause = change.detail if change.now == "down" else cause
        again = monitor_transitions.request_again(change, cause, story.state, story.monitor)
        requested = of_type(effects, DeliveryRequested)
        assert ([] if again is None else [again]) == requested
        told += len(requested)
    assert told == 2


def test_a_notice_that_may_be_held_back_is_not_made_up() -> None:
    story = monitor_story.Story(depends_on=(OTHER,), dependency_wait=60)
    for n, ok in enumerate((True, False)):
        [change] = of_type(story.probe(n, ok), StatusChanged)
        assert monitor_transitions.request_again(change, "", story.state, story.monitor) is None


@pytest.fixture
def down() -> tuple[list[StatusChanged], dict[str, Thing]]:
    """A check that went down and came back, as `transitions` and its state tell it."""
    story = Story(schedule=Simple(60), grace=60, channels=("hook", "elsewhere"))
    effects = [*story.ping(1), *story.tick(200), *story.ping(201)]
    return of_type(effects, StatusChanged), {CHECK: Thing(story.state, check_of(story))}


def test_a_lost_request_is_sent_once(down: tuple[list[StatusChanged], dict[str, Thing]]) -> None:
    changes, things = down
    deliveries = Deliveries()
    view = deliveries.folding.session.view
    missed = list(missed_requests(view, HOOKS, reversed(changes), things, set()))
    assert [(key, event.notices) for key, event in missed if isinstance(event, DeliveryRequested)] == [
        ("hook", ("monitor.down", "incident.created")),
        ("hook", ("monitor.recovered", "incident.resolved")),
    ]
    assert all("No ping" in event.data["incident"]["cause"] for _, event in missed)  # type: ignore[attr-defined]
    deliveries.folding.session.truncate(len(deliveries.journal), missed)
    assert sorted(delivery.notice for delivery in deliveries.pending) == [
        "incident.created", "incident.resolved", "monitor.down", "monitor.recovered",
    ]  # fmt: skip
    assert list(missed_requests(view, HOOKS, changes, things, set())) == [], "all of it is pending"


def test_what_was_delivered_is_not_sent_again(down: tuple[list[StatusChanged], dict[str, Thing]]) -> None:
    changes, things = down
    deliveries = Deliveries()
    view = deliveries.folding.session.view
    deliveries.folding.session.truncate(len(deliveries.journal), missed_requests(view, HOOKS, changes, things, set()))
    [first] = [one for one in deliveries.pending if one.notice == "monitor.down"]
    effects = deliveries.tell("hook", DeliveryAttempted(delivery=first.id, attempt=1, at=t(300), status=200))
    finished = {told.id for told in of_type(effects, DeliveryFinished)}
    assert list(missed_requests(view, HOOKS, changes, things, finished)) == []
    fresh = Deliveries().folding.session.view
    [(_, one), _] = missed_requests(fresh, HOOKS, changes, things, finished)
    assert isinstance(one, DeliveryRequested)
    assert one.notices == ("incident.created",)


def test_a_lost_notice_about_a_certificate_is_sent_once() -> None:
    watched = Watched(channels=("hook",))
    effects = watched.test(certificate(5))
    [sent] = of_type(effects, DeliveryRequested)
    [told] = of_type(effects, ValidityTold)
    things = {told.thing: Thing(watched.story.state, watched.story.monitor)}
    view = Deliveries().folding.session.view
    hooks = {"hook": msgspec.structs.replace(HOOK, notices=NOTICES)}
    assert list(missed_requests(view, hooks, [told], things, set())) == [("hook", sent)]
    done = {delivery_id(event_id(told.id, told.notice), "hook")}
    assert list(missed_requests(view, hooks, [told], things, done)) == []
    silent = msgspec.structs.replace(told, silent=True)
    assert list(missed_requests(view, hooks, [silent], things, set())) == []
    assert list(missed_requests(view, HOOKS, [told], things, set())) == []  # made for other notices


def test_what_a_channel_never_had_is_not_sent(down: tuple[list[StatusChanged], dict[str, Thing]]) -> None:
    """Notices that it does not take, and those of changes that were seen before it was made."""
    changes, things = down
    view = Deliveries().folding.session.view
    few = msgspec.structs.replace(HOOK, notices=("monitor.recovered",))
    missed = list(missed_requests(view, {"hook": few}, changes, things, set()))
    assert [event.notices for _, event in missed if isinstance(event, DeliveryRequested)] == [("monitor.recovered",)]
    late = msgspec.structs.replace(HOOK, created=t(200.5))
    missed = list(missed_requests(view, {"hook": late}, changes, things, set()))
    assert [event.notices[0] for _, event in missed if isinstance(event, DeliveryRequested)] == ["monitor.recovered"]


def test_a_check_that_is_gone_is_told_of_no_more(down: tuple[list[StatusChanged], dict[str, Thing]]) -> None:
    changes, _ = down
    assert list(missed_requests(Deliveries().folding.session.view, HOOKS, changes, {}, set())) == []


def test_what_cannot_be_folded_is_a_dead_letter() -> None:
    story = Story()
    effects = story.folding.session.truncate(len(story.journal) - 1, [("not the id", CheckDefined(at=1, check=NEW))])
    assert [effect.topic.name for effect in effects] == ["transitions", "transitions", "dead-letters"]
    assert story.folding.session.view.get("not the id") is None


def test_a_mailbox_that_was_asked_is_no_channel_that_was_removed() -> None:
    deliveries = Deliveries()
    mailbox = mailbox_id("a@example.org")
    request = ConfirmationRequested(
        at=t(0), recipient="r", project="p", address="a@example.org", n=1, expires=t(60), site="https://x"
    )
    deliveries.tell(mailbox, request)
    assert len(deliveries.pending) == 1
    assert [key for key, _ in missed_by_deliveries(deliveries.folding.session.view, Defined())] == ["hook"]


def test_who_was_called_is_told_again_that_it_is_over() -> None:
    """An escalation had called a channel that is not one of the check's own: its recovery was lost, too."""
    story = DownCheck(channels=("elsewhere",))
    story.tick(story.since + 5 * 60 + 2)
    changes = of_type(story.recover(), StatusChanged)
    assert changes[-1].called == (FIRST,)
    called = {FIRST: msgspec.structs.replace(HOOK, id=FIRST, notices=())}
    things = {CHECK: Thing(story.state, check_of(story))}
    view = Deliveries().folding.session.view
    [(key, event)] = missed_requests(view, called, changes, things, set())
    assert isinstance(event, DeliveryRequested)
    assert (key, event.notices, event.anyway) == (FIRST, ("monitor.recovered",), True)
