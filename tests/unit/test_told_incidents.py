"""What people are told of an open incident beside its beginning and its end: it is told in `transitions`, and what the
journal of deliveries has lost of it is asked for again, once and only while it is true."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from pingfold.replay.derived import made_by
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect
from processors.fold.reconciliation import Missed, Thing, missed_requests
from processors.fold.view import View
from processors.projects.channels import endpoint_of
from schemas.definitions import Channel, Check, Project
from schemas.deliveries import Delivery, DeliveryRequested, EndpointDefined, delivery_id, event_id
from schemas.escalations import EscalationDefined, EscalationPolicy, Step
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged
from schemas.notices import ACKNOWLEDGED, NOTICES
from schemas.topics import TRANSITIONS
from schemas.transitions import IncidentTold
from tests.check_story import CHECK, DAY, MINUTE, t
from tests.check_story import Story as CheckStory
from tests.failing_monitor import FailingMonitor
from tests.folding import Folding, Journal, of_type

POLICY = derived_id("test", "policy")
PROJECT = Project(id="p", name="p", ping_key="k", created=0, webhook_secret="sealed")
CHANNELS = {
    id: Channel(id=id, project="p", kind="webhook", url="https://example.com/", created=0, notices=chosen)
    for id, chosen in {"hook": NOTICES, "ada": ("monitor.recovered",)}.items()
}
STEPS = (Step(5, ("ada",), own=True),)


def check() -> Any:
    story = CheckStory()
    story.ping(100, "fail")
    return story


def monitor() -> Any:
    return FailingMonitor()


both = pytest.mark.parametrize("down", [check, monitor])
Down = Callable[[], Any]


def escalated(story: Any) -> list[Effect]:
    policy = EscalationPolicy(id=POLICY, project="p", version=1, name="N", steps=STEPS, created=t(0), revised=t(0))
    story.tell(EscalationDefined(at=t(story.time), policy=policy), story.time, key=POLICY)
    effects: list[Effect] = story.tick(story.time + 6 * MINUTE)
    return effects


def acknowledged(story: Any, **fields: Any) -> list[Effect]:
    event = IncidentAcknowledged(at=t(story.time), incident=story.state.incident, request="r", by="Ada", **fields)
    effects: list[Effect] = story.tell(event, story.time)
    return effects


def snoozed(story: Any) -> list[Effect]:
    acknowledged(story, until=t(story.time + 60))
    effects: list[Effect] = story.tick(story.time + 62)
    return effects


def reminded(story: Any) -> list[Effect]:
    effects: list[Effect] = story.tick(story.time + DAY)
    return effects


def thing_of(story: Any) -> dict[str, Thing]:
    if isinstance(story, CheckStory):
        made = Check(id=CHECK, project="p", version=story.version, created=t(0), name="Backup", **story.definition)
        return {CHECK: Thing(story.state, made)}
    return {story.monitor.id: Thing(story.state, story.monitor)}


def said(event: Any) -> tuple[object, ...]:
    """What a request is, and what it tells of the incident."""
    return event.transition, event.at, event.notices, event.anyway, event.data["incident"], event.data.get("escalation")


def missed(
    story: Any, told: list[IncidentTold], view: View | None = None, done: set[str] | None = None
) -> list[Missed]:
    return list(missed_requests(View() if view is None else view, CHANNELS, told, thing_of(story), done or set()))


@both
@pytest.mark.parametrize(
    ("happens", "notice", "keys"),
    [
        (escalated, "monitor.down", ["ada", "hook"]),
        (snoozed, "monitor.down", ["hook"]),
        (acknowledged, ACKNOWLEDGED, ["hook"]),
        (reminded, "monitor.still_down", ["hook"]),
    ],
)
def test_a_lost_request_is_made_again_as_it_was(down: Down, happens: Any, notice: str, keys: list[str]) -> None:
    story = down()
    effects = happens(story)
    told = of_type(effects, IncidentTold)[-1:]
    assert [one.notice for one in told] == [notice]
    sent = {
        each.key: each.value
        for each in effects
        if isinstance(each.value, DeliveryRequested) and each.value.transition == told[0].id
    }
    assert sorted(sent) == keys
    # What a notice says beside the incident is as it is now.
    assert {key: said(event) for key, event in missed(story, told)} == {key: said(sent[key]) for key in sent}
    done = {delivery_id(event_id(told[0].id, told[0].notice), key) for key in keys}
    assert missed(story, told, done=done) == []


@both
def test_what_is_pending_is_not_asked_for(down: Down) -> None:
    story = down()
    told = of_type(escalated(story), IncidentTold)
    folding, journal = Folding(DeliveriesFold()), Journal()
    for id, channel in CHANNELS.items():
        defined = EndpointDefined(at=t(0), endpoint=endpoint_of(channel, PROJECT))
        folding.feed([journal.add(id, defined, t(0))])
    view = folding.session.view
    found = missed(story, told, view)
    assert sorted(key for key, _ in found) == ["ada", "hook"]
    folding.session.truncate(len(journal), found)
    pending = [record for _, record in view.items() if isinstance(record, Delivery)]
    assert sorted(one.channel for one in pending) == ["ada", "hook"]
    assert missed(story, told, view) == []


@both
def test_nothing_is_sent_after_the_end_or_when_somebody_takes_care_of_it(down: Down) -> None:
    story = down()
    told = of_type(escalated(story), IncidentTold)
    taken = of_type(acknowledged(story, until=t(story.time + 60)), IncidentTold)
    assert missed(story, told) == []
    assert [key for key, _ in missed(story, taken)] == ["hook", "ada"]
    story.tick(story.time + 62)
    assert missed(story, taken) == []
    story.define(story.time, mute_until=t(story.time + 600))
    assert missed(story, told) == []
    other = down()
    told = of_type(escalated(other), IncidentTold)
    if isinstance(other, CheckStory):
        other.ping(other.time + 1)
    else:
        other.recover()
    assert missed(other, told) == []


@both
def test_of_an_acknowledgement_that_was_changed_only_the_change_is_asked_for(down: Down) -> None:
    story = down()
    told = of_type(acknowledged(story, until=t(story.time + 600)), IncidentTold)
    changed = IncidentAcknowledged(
        at=t(story.time), incident=story.state.incident, request="later", by="Ada", until=t(story.time + 900)
    )
    told += of_type(story.tell(changed, story.time), IncidentTold)
    assert len(told) == 2
    assert {event.transition for _, event in missed(story, told) if isinstance(event, DeliveryRequested)} == {
        told[1].id
    }


@both
def test_a_channel_that_was_not_there_then_is_not_told(down: Down) -> None:
    story = down()
    [told] = of_type(escalated(story), IncidentTold)
    assert [key for key, _ in missed(story, [replace(told, detected_at=-1)])] == []
    # Its own fold has lost it, too, and folds it again.
    assert missed(story, [replace(told, n=1_000)]) == []


def test_a_replay_asks_for_none_of_what_an_older_version_folded() -> None:
    told = IncidentTold(
        id="i", n=1, thing="t", project="p", incident="i", at=1, detected_at=1, notice="monitor.down", channels=("c",)
    )
    effects = [Effect(TRANSITIONS, "t", told)]
    for fold in ("checks", "monitors"):
        assert (list(made_by(fold, 5, effects)), list(made_by(fold, 6, effects))) == ([], effects)
