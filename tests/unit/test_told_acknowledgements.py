"""Who hears that somebody takes care of an incident: by the folds of both kinds of things and that of deliveries."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, DeliveryRequested, Endpoint, EndpointDefined
from schemas.escalations import EscalationDefined, EscalationPolicy, Step
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged
from schemas.notices import ACKNOWLEDGED, DEFAULT_NOTICES, NOTICES, AnyNotice
from schemas.times import iso
from tests.check_story import Story as CheckStory
from tests.check_story import t
from tests.deliveries_driver import DATA, Driver
from tests.failing_monitor import FailingMonitor
from tests.folding import of_type
from tests.monitor_story import Story

AnyStory = Story | CheckStory
POLICY = derived_id("test", "policy")
STEPS = (Step(5, ("ada",)), Step(15, ("bob",), own=True))
TEAM = {"slack", "discord", "msteams", "googlechat", "mattermost", "matrix", "telegram", "pagerduty", "opsgenie"}


def down_check(**fields: Any) -> AnyStory:
    story = CheckStory(**fields)
    story.ping(100, "fail")
    return story


def down_monitor(**fields: Any) -> AnyStory:
    return FailingMonitor(**fields)


def said(story: AnyStory, request: str = "r", **fields: Any) -> list[Effect]:
    given = {"incident": story.state.incident or "", "by": "Ada", "comment": "on it"} | fields
    return story.tell(IncidentAcknowledged(at=t(story.time), request=request, **given), story.time)


def requests(effects: list[Effect]) -> list[DeliveryRequested]:
    return [each for each in of_type(effects, DeliveryRequested) if each.notices == (ACKNOWLEDGED,)]


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_those_who_were_told_are_told_who_takes_care_of_it(down: Any) -> None:
    story = down()
    until = t(story.time + 600)
    [request] = requests(said(story, until=until))
    assert request.data["incident"]["id"] == story.state.incident
    assert request.data["incident"]["acknowledgement"] == {
        "by": "Ada",
        "acknowledged_at": iso(request.at),
        "comment": "on it",
        "until": iso(until),
    }
    assert request.anyway is False
    assert "last_output" not in request.data["monitor"]
    assert requests(said(story, "another", until=until)) == []


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_after_a_snooze_it_is_another_event(down: Any) -> None:
    story = down()
    first = requests(said(story, until=t(story.time + 60)))
    again = of_type(story.tick(story.time + 61), DeliveryRequested)
    assert [each.notices for each in again] == [("monitor.down",)]
    assert "acknowledgement" not in again[0].data["incident"]
    second = requests(said(story, "later"))
    assert len({each.transition for each in (*first, *second)}) == 2


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_a_change_is_told_with_its_own_time(down: Any) -> None:
    story = down()
    [first] = requests(said(story, until=t(story.time + 600)))
    story.tick(story.time + 60)
    [changed] = requests(said(story, "another", until=t(story.time + 900)))
    assert first.at < changed.at == t(story.time)
    assert changed.data["incident"]["acknowledgement"]["acknowledged_at"] == iso(first.at)


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_whom_an_escalation_called_hears_of_it_once(down: Any) -> None:
    story = down()
    policy = EscalationPolicy(id=POLICY, project="p", version=1, name="Night", steps=STEPS, created=t(0), revised=t(0))
    story.tell(EscalationDefined(at=t(story.time), policy=policy), story.time, key=POLICY)
    story.tick(story.time + 16 * 60)
    effects = said(story)
    asked = {each.key: each.value.anyway for each in effects if isinstance(each.value, DeliveryRequested)}
    assert asked == {"ada": True, "bob": True, "hook": False}
    assert len(requests(effects)) == 3


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_nobody_is_told_of_what_is_muted(down: Any) -> None:
    story = down()
    story.define(story.time, mute_until=t(story.time + 600))
    assert requests(said(story)) == []


@pytest.mark.parametrize("down", [down_check, down_monitor])
def test_a_snooze_that_is_over_before_anybody_is_told_has_no_notice_of_its_own(down: Any) -> None:
    story = down(mute_until=t(1_000))
    said(story, until=t(story.time + 120))
    told = [each for each in of_type(story.tick(1_001), DeliveryRequested) if "monitor.down" in each.notices]
    assert [each.notices for each in told] == [("monitor.down", "incident.created")]
    assert "acknowledgement" not in told[0].data["incident"]


def test_a_notice_that_comes_after_the_acknowledgement_says_so() -> None:
    story = CheckStory(mute_until=t(1_000))
    story.ping(100, "fail")
    said(story)
    [request] = [each for each in of_type(story.tick(1_001), DeliveryRequested) if "monitor.down" in each.notices]
    assert request.data["incident"]["acknowledgement"]["by"] == "Ada"


# ---- to which channels


def pending(kind: str, notices: tuple[Any, ...], anyway: bool) -> list[AnyNotice]:
    driver = Driver()
    endpoint = Endpoint(
        id="c", project="p", url="https://x.example", notices=notices, secret="s", kind=kind, addresses=("a@b.example",)
    )
    driver.feed("c", EndpointDefined(at=driver.now, endpoint=endpoint))
    request = DeliveryRequested(transition="t", at=driver.now, notices=(ACKNOWLEDGED,), data=DATA, anyway=anyway)
    driver.feed("c", request)
    return [each.notice for _, each in driver.view.items() if isinstance(each, Delivery)]


def test_chats_and_alerts_take_it_by_default() -> None:
    assert {name for name, kind in CHANNEL_KINDS.items() if ACKNOWLEDGED in kind.notices} == TEAM


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("anyway", [True, False])
def test_a_channel_of_before_gets_nothing_that_it_does_not_know_but_alerts_do(kind: str, anyway: bool) -> None:
    keeps = CHANNEL_KINDS[kind].keeps_alerts
    assert keeps is (kind in ("pagerduty", "opsgenie"))
    assert pending(kind, DEFAULT_NOTICES, anyway) == ([ACKNOWLEDGED] if keeps else [])
    # Who was not told of the incident has no alert of it.
    assert pending(kind, ("monitor.ssl_expiration",), anyway) == ([ACKNOWLEDGED] if keeps and anyway else [])


@pytest.mark.parametrize("kind", [name for name in CHANNEL_KINDS if name != "updown"])
def test_who_chooses_it_gets_it(kind: str) -> None:
    assert pending(kind, NOTICES, False) == [ACKNOWLEDGED]
