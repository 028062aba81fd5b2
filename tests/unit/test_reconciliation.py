"""What a truncated journal has lost before it was folded is found by comparing states with what others know."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from processors.checks import transitions as check_transitions
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect
from processors.fold.reconciliation import (
    Defined,
    Missed,
    Thing,
    missed_by_checks,
    missed_by_deliveries,
    missed_by_monitors,
    missed_requests,
)
from processors.monitors import transitions as monitor_transitions
from processors.projects.channels import endpoint_of, note_of
from schemas.definitions import Channel, Check, Project
from schemas.deliveries import (
    ConfirmationRequested,
    Delivery,
    DeliveryAttempted,
    DeliveryRequested,
    EndpointDefined,
    EndpointHealth,
    EndpointRemoved,
    delivery_id,
    event_id,
)
from schemas.escalations import EscalationDefined, EscalationPolicy, EscalationRemoved
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.message_templates import MessageTemplate, TemplateDefined, TemplateRemoved
from schemas.monitor_states import MaintenanceCopy
from schemas.notice_choices import NoticesChosen
from schemas.notices import NOTICES
from schemas.on_call import Handover, OnCallDefined, OnCallRemoved, OnCallRotation
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MaintenanceDefined, MaintenanceRemoved, MonitorDefined, MonitorRemoved
from schemas.recipients import mailbox_id
from schemas.requests import ChannelDisabled
from schemas.schedules import Simple
from schemas.ticks import Tick
from schemas.transitions import DeliveryFinished, StatusChanged, ValidityTold
from tests import monitor_story
from tests.check_story import CHECK, Story, t
from tests.escalation_story import FIRST, DownCheck
from tests.folding import Folding, Journal, of_type
from tests.validity_story import Watched, certificate

OTHER = derived_id("test", "other")
PROJECT = Project(id="p", name="p", ping_key="k", created=0, webhook_secret="sealed")
HOOK = Channel(id="hook", project="p", kind="webhook", url="https://example.com/", created=0)
HOOKS = {"hook": HOOK}
NEW = Check(id=OTHER, project="p", version=1, created=t(1), schedule=Simple(60), grace=60)


def check_of(story: Story) -> Check:
    return Check(id=CHECK, project="p", version=story.version, created=t(0), name="Backup", **story.definition)


def kinds(missed: Iterable[Missed]) -> list[tuple[str, type[msgspec.Struct]]]:
    return [(key, type(event)) for key, event in missed]


# ---- definitions


def test_a_check_whose_definition_was_lost_takes_pings() -> None:
    story = Story()
    story.ping(5)
    defined = Defined(checks={CHECK: check_of(story), OTHER: NEW})
    missed = list(missed_by_checks(story.folding.session.view, defined))
    assert missed == [(OTHER, CheckDefined(at=t(1), check=NEW))]
    del story.journal.records[-1:]
    story.folding.restart()
    story.folding.session.truncate(len(story.journal), missed)
    assert list(missed_by_checks(story.folding.session.view, defined)) == []
    assert story.folding.session.view.get(OTHER).version == 1


def test_a_newer_version_of_a_definition_and_a_removal() -> None:
    story = Story()
    view = story.folding.session.view
    newer = msgspec.structs.replace(check_of(story), version=2, grace=7)
    assert kinds(missed_by_checks(view, Defined(checks={CHECK: newer}))) == [(CHECK, CheckDefined)]
    assert kinds(missed_by_checks(view, Defined())) == [(CHECK, CheckRemoved)]


def test_nothing_is_removed_while_requests_wait_to_be_folded() -> None:
    """Definitions may have lost their end, too: folding the requests again brings them back."""
    story, monitors = Story(), monitor_story.Story()
    deliveries = Deliveries()
    unsure = Defined(complete=False)
    assert list(missed_by_checks(story.folding.session.view, unsure)) == []
    assert list(missed_by_monitors(monitors.folding.session.view, unsure)) == []
    assert list(missed_by_deliveries(deliveries.folding.session.view, unsure)) == []


def test_monitors_and_windows_of_maintenance() -> None:
    story = monitor_story.Story()
    story.tick(100)
    window = Maintenance(
        id=OTHER, project="p", version=1, created=t(1), revised=t(1), name="m", window=Once(t(50), t(200))
    )
    over = msgspec.structs.replace(window, id="over", window=Once(t(1), t(99)))
    newer = msgspec.structs.replace(story.monitor, version=2)
    view = story.folding.session.view
    defined = Defined(monitors={newer.id: newer}, windows={OTHER: window, "over": over})
    missed = list(missed_by_monitors(view, defined))
    assert kinds(missed) == [(OTHER, MaintenanceDefined), (newer.id, MonitorDefined)]
    story.folding.session.truncate(len(story.journal), missed)
    assert list(missed_by_monitors(view, defined)) == []
    assert isinstance(view.get(f"maintenance/{OTHER}"), MaintenanceCopy)
    assert kinds(missed_by_monitors(view, Defined())) == [(OTHER, MaintenanceRemoved), (newer.id, MonitorRemoved)]


def test_windows_of_maintenance_over_checks() -> None:
    """Those that concern monitors only are never told of in `pings`, unless they concerned checks before."""
    story = Story()
    story.tick(100)
    window = Maintenance(
        id=OTHER, project="p", version=1, created=t(1), revised=t(1), name="m", window=Once(t(50), t(200)), tags=("a",)
    )
    of_monitors = msgspec.structs.replace(window, id="monitors", tags=())
    view = story.folding.session.view
    check = view.get("definition/" + CHECK).check
    defined = Defined(checks={CHECK: check}, windows={OTHER: window, "monitors": of_monitors})
    missed = list(missed_by_checks(view, defined))
    assert kinds(missed) == [(OTHER, MaintenanceDefined)]
    story.folding.session.truncate(len(story.journal), missed)
    assert list(missed_by_checks(view, defined)) == []
    other = msgspec.structs.replace(of_monitors, id=OTHER, version=2)
    assert kinds(missed_by_checks(view, defined._replace(windows={OTHER: other}))) == [(OTHER, MaintenanceDefined)]
    assert kinds(missed_by_checks(view, Defined(checks={CHECK: check}))) == [(OTHER, MaintenanceRemoved)]


def test_on_call_rotations() -> None:
    """The same of these."""
    kept = OnCallRotation(
        id=OTHER,
        project="p",
        version=2,
        created=t(1),
        revised=t(2),
        name="Primary",
        tz="UTC",
        handover=Handover("2026-01-05", 7, 540),
    )
    checks, monitors = Story(), monitor_story.Story()
    for story, missed_by, there in (
        (checks, missed_by_checks, {"checks": {CHECK: check_of(checks)}}),
        (monitors, missed_by_monitors, {"monitors": {monitors.monitor.id: monitors.monitor}}),
    ):
        view = story.folding.session.view
        defined = Defined(rotations={OTHER: kept}, **there)
        missed = list(missed_by(view, defined))
        assert missed == [(OTHER, OnCallDefined(at=t(2), rotation=kept))]
        story.folding.session.truncate(len(story.journal), missed)
        assert list(missed_by(view, defined)) == []
        newer = msgspec.structs.replace(kept, version=3)
        assert kinds(missed_by(view, Defined(rotations={OTHER: newer}, **there))) == [(OTHER, OnCallDefined)]
        assert list(missed_by(view, Defined(complete=False, **there))) == []
        assert kinds(missed_by(view, Defined(**there))) == [(OTHER, OnCallRemoved)]


def test_escalation_policies() -> None:
    """Those that were lost are told of anew, in both journals; those that are gone are removed."""
    kept = EscalationPolicy(id=OTHER, project="p", version=2, created=t(1), revised=t(2), name="Night")
    checks, monitors = Story(), monitor_story.Story()
    for story, missed_by, there in (
        (checks, missed_by_checks, {"checks": {CHECK: check_of(checks)}}),
        (monitors, missed_by_monitors, {"monitors": {monitors.monitor.id: monitors.monitor}}),
    ):
        view = story.folding.session.view
        defined = Defined(policies={OTHER: kept}, **there)
        missed = list(missed_by(view, defined))
        assert missed == [(OTHER, EscalationDefined(at=t(2), policy=kept))]
        story.folding.session.truncate(len(story.journal), missed)
        assert list(missed_by(view, defined)) == []
        newer = msgspec.structs.replace(kept, version=3)
        again = Defined(policies={OTHER: newer}, **there)
        assert kinds(missed_by(view, again)) == [(OTHER, EscalationDefined)]
        gone = Defined(**there)
        assert kinds(missed_by(view, gone)) == [(OTHER, EscalationRemoved)]


def test_what_channels_chose() -> None:
    """Of all channels, wherever they live: a partition of checks has checks of every project."""
    story = Story()
    view, check = story.folding.session.view, check_of(story)
    chosen = msgspec.structs.replace(HOOK, notices=("monitor.down", "monitor.late"))
    defined = Defined(checks={CHECK: check}, channels={"hook": chosen, "other": HOOK})
    missed = list(missed_by_checks(view, defined))
    assert missed == [("hook", note_of(chosen, t(story.time))), ("other", note_of(HOOK, t(story.time)))]
    assert note_of(chosen, 0).notices == ("monitor.down", "monitor.late")
    story.folding.session.truncate(len(story.journal), missed)
    assert list(missed_by_checks(view, defined)) == []
    no_more = Defined(checks={CHECK: check}, channels={"hook": HOOK, "other": HOOK})
    assert list(missed_by_checks(view, no_more)) == [("hook", note_of(HOOK, t(story.time)))]
    removed = NoticesChosen(at=t(story.time))
    assert list(missed_by_checks(view, Defined(checks={CHECK: check}))) == [("hook", removed), ("other", removed)]
    assert list(missed_by_checks(view, Defined(checks={CHECK: check}, complete=False))) == []


class Deliveries:
    """A partition of the fold, with the channel `hook`."""

    def __init__(self) -> None:
        self.folding, self.journal = Folding(DeliveriesFold()), Journal()
        self.tell("tick", Tick(slot="ticker", epoch=1, at=t(0), now=t(0)))
        self.tell("hook", EndpointDefined(at=t(0), endpoint=endpoint_of(HOOK, PROJECT)))

    def tell(self, key: str, event: msgspec.Struct) -> list[Effect]:
        return self.folding.feed([self.journal.add(key, event, t(0))])

    @property
    def pending(self) -> list[Delivery]:
        return [record for _, record in self.folding.session.view.items() if isinstance(record, Delivery)]


def test_message_templates() -> None:
    """Those that were lost are told of anew; those that are gone are removed."""
    kept = MessageTemplate(id=OTHER, project="p", version=2, created=t(1), revised=t(2), name="Short", text="x")
    deliveries = Deliveries()
    view = deliveries.folding.session.view
    there: dict[str, Any] = {"channels": {"hook": HOOK}, "projects": {"p": PROJECT}}
    missed = list(missed_by_deliveries(view, Defined(templates={OTHER: kept}, **there)))
    assert missed == [(OTHER, TemplateDefined(at=t(2), template=kept, project_name=PROJECT.name))]
    deliveries.folding.session.truncate(len(deliveries.journal), missed)
    assert list(missed_by_deliveries(view, Defined(templates={OTHER: kept}, **there))) == []
    newer = msgspec.structs.replace(kept, version=3)
    assert kinds(missed_by_deliveries(view, Defined(templates={OTHER: newer}, **there))) == [(OTHER, TemplateDefined)]
    assert kinds(missed_by_deliveries(view, Defined(**there))) == [(OTHER, TemplateRemoved)]
    assert list(missed_by_deliveries(view, Defined(complete=False, **there))) == []


def test_channels() -> None:
    deliveries = Deliveries()
    view = deliveries.folding.session.view
    assert list(missed_by_deliveries(view, Defined(channels={"hook": HOOK}, projects={"p": PROJECT}))) == []
    moved = msgspec.structs.replace(HOOK, url="https://example.org/")
    new = msgspec.structs.replace(HOOK, id="new")
    missed = list(missed_by_deliveries(view, Defined(channels={"hook": moved, "new": new}, projects={"p": PROJECT})))
    assert missed == [
        ("hook", EndpointDefined(at=0, endpoint=endpoint_of(moved, PROJECT))),
        ("new", EndpointDefined(at=0, endpoint=endpoint_of(new, PROJECT))),
    ]
    deliveries.folding.session.truncate(len(deliveries.journal), missed)
    assert isinstance(view.get("health/new"), EndpointHealth)
    assert [key for key, _ in missed_by_deliveries(view, Defined())] == ["hook", "new"]


DISABLED = msgspec.structs.replace(HOOK, disabled_at=t(5))


def given_up(deliveries: "Deliveries") -> None:
    """The channel answers that it is gone."""
    request = DeliveryRequested(transition="a", at=t(1), notices=("monitor.down",), data={"monitor": {}})
    deliveries.tell("hook", request)
    [pending] = deliveries.pending
    deliveries.tell("hook", DeliveryAttempted(delivery=pending.id, attempt=1, at=t(5), status=410))


def reconciled(deliveries: "Deliveries", channel: Channel, complete: bool = True) -> EndpointHealth:
    """The counters of the channel after a comparison with its definition, and that there is nothing more to be done."""
    view = deliveries.folding.session.view
    defined = Defined(channels={"hook": channel}, projects={"p": PROJECT}, complete=complete)
    missed = list(missed_by_deliveries(view, defined))
    effects = deliveries.folding.session.truncate(len(deliveries.journal), missed)
    assert not of_type(effects, ChannelDisabled), "who is to know of it knows"
    if complete:
        assert list(missed_by_deliveries(view, defined)) == []
    health: EndpointHealth = view.get("health/hook")
    return health


def test_a_channel_that_was_given_up_stays_so() -> None:
    """Whether its deliveries have lost all of it, or only that."""
    lost = Deliveries()
    lost.tell("hook", EndpointRemoved(at=t(1)))
    health = reconciled(lost, DISABLED)
    assert (health.disabled, health.disabled_at, bool(health.disabled_because)) == (True, t(5), True)
    older = Deliveries()
    older.tell("hook", DeliveryRequested(transition="b", at=t(6), notices=("monitor.down",), data={"monitor": {}}))
    assert reconciled(older, DISABLED).disabled
    assert older.pending == []
    told = older.tell(
        "hook", DeliveryRequested(transition="c", at=t(7), notices=("monitor.down",), data={"monitor": {}})
    )
    assert [one.outcome for one in of_type(told, DeliveryFinished)] == ["removed"]


def test_a_channel_that_was_given_up_and_is_changed_otherwise_tells_why() -> None:
    deliveries = Deliveries()
    given_up(deliveries)
    moved = msgspec.structs.replace(DISABLED, url="https://example.org/")
    assert reconciled(deliveries, moved).disabled_because == "answered 410 Gone"


def test_a_channel_that_was_enabled_again_is_so() -> None:
    """The change that enabled it was lost on its way."""
    deliveries = Deliveries()
    given_up(deliveries)
    assert reconciled(deliveries, HOOK) == EndpointHealth()


def test_while_requests_wait_nobody_is_enabled_or_disabled() -> None:
    """That it was given up may stand there."""
    deliveries = Deliveries()
    given_up(deliveries)
    assert reconciled(deliveries, HOOK, complete=False).disabled
    assert not reconciled(Deliveries(), DISABLED, complete=False).disabled


def test_a_channel_that_has_delivered_since_is_not_given_up() -> None:
    deliveries = Deliveries()
    deliveries.tell("hook", DeliveryRequested(transition="d", at=t(6), notices=("monitor.down",), data={"monitor": {}}))
    [pending] = deliveries.pending
    deliveries.tell("hook", DeliveryAttempted(delivery=pending.id, attempt=1, at=t(7), status=200))
    assert not reconciled(deliveries, DISABLED).disabled


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
