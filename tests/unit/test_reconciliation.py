"""What a truncated journal has lost before it was folded is found by comparing states with what others know."""

from collections.abc import Iterable
from typing import Any

import msgspec

from processors.fold.reconciliation import (
    Defined,
    Missed,
    missed_by_checks,
    missed_by_deliveries,
    missed_by_monitors,
)
from processors.projects.channels import endpoint_of, note_of
from schemas.definitions import Channel
from schemas.deliveries import (
    DeliveryAttempted,
    DeliveryRequested,
    EndpointDefined,
    EndpointHealth,
    EndpointRemoved,
)
from schemas.escalations import EscalationDefined, EscalationPolicy, EscalationRemoved
from schemas.maintenance import Maintenance, Once
from schemas.message_templates import MessageTemplate, TemplateDefined, TemplateRemoved
from schemas.monitor_states import MaintenanceCopy
from schemas.notice_choices import NoticesChosen
from schemas.on_call import Handover, OnCallDefined, OnCallRemoved, OnCallRotation
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MaintenanceDefined, MaintenanceRemoved, MonitorDefined, MonitorRemoved
from schemas.requests import ChannelDisabled
from schemas.transitions import DeliveryFinished
from tests import monitor_story
from tests.check_story import CHECK, Story, t
from tests.folding import of_type
from tests.lost_ends import HOOK, NEW, OTHER, PROJECT, Deliveries, check_of


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
