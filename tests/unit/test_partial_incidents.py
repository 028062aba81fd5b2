"""Monitors whose hosts have two address families, one of which fails; and the verb of `GET/HEAD` monitors."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.monitors.messages import cause_of
from schemas.deliveries import DeliveryRequested
from schemas.monitor_states import MonitorState
from schemas.monitors import ProbeTarget
from schemas.probes import ProbeCompleted
from schemas.targets import Verb
from schemas.transitions import StatusChanged
from tests.folding import Folding, of_type
from tests.monitor_story import MONITOR, Story

IPV6 = {"family_down": "ipv6", "failure": "connect"}


def up(**definition: Any) -> Story:
    story = Story("a", **{"confirmations": 2} | definition)
    story.probe(0)
    return story


def partly_down() -> Story:
    story = up()
    story.probe(1, ok=False, **IPV6)
    story.confirm(ok=False, **IPV6)
    return story


def partial(story: Story) -> list[bool]:
    """Of each change of an incident."""
    return [change.partial for change in of_type(story.effects, StatusChanged) if change.incident is not None]


def incidents(story: Story) -> list[dict[str, Any]]:
    return [request.data["incident"] for request in of_type(story.effects, DeliveryRequested)]


def test_one_family_that_fails_is_a_partial_incident() -> None:
    story = partly_down()
    assert (story.state.status, story.state.partial, story.state.family_down) == ("down", True, "ipv6")
    assert story.state.cause == "Connection failed over IPv6 only"
    story.probe(2)
    assert (story.state.status, story.state.partial, story.state.family_down) == ("up", False, "")
    assert partial(story) == [True, True]
    assert [incident["partial"] for incident in incidents(story)] == [True, True]


def test_it_is_partial_no_more_when_both_fail() -> None:
    story = partly_down()
    story.probe(2, ok=False)
    assert (story.state.status, story.state.partial) == ("down", False)
    story.probe(3, ok=False, **IPV6)
    assert not story.state.partial
    story.probe(4)
    assert partial(story) == [True, False]
    assert "partial" not in incidents(story)[-1]


@pytest.mark.parametrize(("first", "second"), [(IPV6, {}), ({}, IPV6)])
def test_it_is_not_partial_when_both_failed_in_one_of_the_results(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    story = up()
    story.probe(1, ok=False, **first)
    story.confirm(ok=False, **second)
    assert (story.state.status, story.state.partial) == ("down", False)


def test_an_incident_of_a_monitor_with_one_family_says_nothing_of_it() -> None:
    story = up()
    story.probe(1, ok=False)
    story.confirm(ok=False)
    assert all("partial" not in incident for incident in incidents(story))
    assert partial(story) == [False]


def test_one_that_is_enough_is_only_shown() -> None:
    story = up()
    assert story.probe(1, family_down="ipv6") == []
    assert (story.state.status, story.state.pending_change, story.state.family_down) == ("up", None, "ipv6")
    story.probe(2)
    assert story.state.family_down == ""


def test_a_pause_ends_a_partial_incident() -> None:
    story = partly_down()
    story.define(200, paused=True)
    assert not story.state.partial
    assert partial(story) == [True, True]


def test_the_words() -> None:
    result = ProbeCompleted(
        slot=0, region="a", at=0, took=0, ok=False, failure="status", detail="503", family_down="ipv4"
    )
    assert cause_of(result) == "Unexpected status over IPv4 only: 503"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "ipv4", "ipv6"])), max_size=12), st.data())
def test_an_incident_is_partial_when_every_failing_result_was(
    course: list[tuple[bool, str]], data: st.DataObject
) -> None:
    story = Story("a", confirmations=2)
    failing: list[str] = []
    for n, (ok, family) in enumerate(course):
        down_before = story.state.status == "down"
        story.probe(n, ok, family_down=family)
        failing = [] if ok else [*failing, family]
        if not ok and not down_before and story.state.pending_change is not None:
            family = data.draw(st.sampled_from(["", "ipv6"]))
            story.confirm(ok=False, family_down=family)
            failing.append(family)
        assert story.state.status == ("down" if failing else "up")
        assert story.state.partial == (bool(failing) and all(failing))
    cut = data.draw(st.integers(0, len(story.journal)))
    again = Folding(story.folding.fold)
    again.feed(story.journal[:cut])
    again.restart()
    again.feed(story.journal[cut:])
    assert again.outcome() == story.folding.outcome()


# ---- the verb


def verb_of(story: Story) -> str:
    return story.folding.state(MonitorState, MONITOR).verb


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
def test_the_first_result_that_tells_the_verb_counts(verb: Verb) -> None:
    story = up()
    assert story.state.verb == ""
    story.probe(1, verb=verb)
    assert story.state.verb == verb
    story.probe(2, verb="GET")
    story.probe(3, ok=False)
    assert story.state.verb == verb


def test_a_confirmation_may_tell_it() -> None:
    story = up()
    story.probe(1, ok=False)
    story.confirm(ok=True, verb="GET")
    assert story.state.verb == "GET"


def test_what_a_prober_could_not_find_out_is_not_told() -> None:
    story = up()
    story.probe(1, ok=False, failure="prober_error", verb="GET")
    assert story.state.verb == ""


def test_another_target_is_compared_anew_and_a_former_one_tells_nothing() -> None:
    story = up()
    story.probe(1, verb="GET", version=1)
    story.define(100, channels=())
    assert verb_of(story) == "GET"
    former = story.result(2, verb="GET", version=2)
    story.define(110, target=ProbeTarget(url="https://api.example.com/other"))
    assert verb_of(story) == ""
    story.tell(former, 121)
    assert verb_of(story) == ""
