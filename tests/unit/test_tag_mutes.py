"""A tag that is muted: the checks that have it are judged, nobody is told, and what is still so at the end is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.checks import expiry
from processors.fold.contract import Effect
from processors.fold.reconciliation import Defined, missed_by_checks
from processors.fold.view import View
from schemas.base import encode
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.pings import CheckDefined, Ping
from schemas.requests import MuteEnded
from schemas.schedules import Simple
from schemas.tag_mutes import TagMute, TagMuted, TagMuteUntil, TagUnmuted, is_tag, tag_mute_id
from schemas.transitions import StatusChanged
from tests.check_story import CHECK, Story, notices, t
from tests.folding import of_type

DOWN = ["monitor.down", "incident.created"]
RECOVERED = ["monitor.recovered", "incident.resolved"]


def mute(story: Story, label: str = "db", until: TagMuteUntil = "forever", version: int = 1) -> list[Effect]:
    id = tag_mute_id("p", label)
    told = TagMute(id=id, project="p", version=version, created=t(story.time), label=label, until=until)
    return story.tell(TagMuted(at=t(story.time), mute=told), story.time, key=id)


def lift(story: Story, label: str = "db", expired: bool = False) -> list[Effect]:
    id = tag_mute_id("p", label)
    return story.tell(TagUnmuted(at=t(story.time), id=id, expired=expired), story.time, key=id)


def up(**definition: Any) -> Story:
    story = Story(**{"tags": "db night"} | definition)
    story.ping(10)
    return story


def test_nobody_is_told_and_at_the_end_what_is_still_so_is() -> None:
    story = up()
    mute(story, until=t(1_000))
    down = story.ping(100, "fail")
    assert of_type(down, StatusChanged)[0].silent
    assert notices(down) == []
    assert notices(story.tick(999)) == []
    assert notices(story.tick(1_001)) == DOWN
    assert not story.state.muted
    assert notices(story.ping(1_010)) == RECOVERED
    assert notices(story.ping(1_020, "fail")) == DOWN


def test_what_began_and_ended_within_is_not_told() -> None:
    story = up()
    mute(story, until=t(1_000))
    assert notices(story.ping(100, "fail")) == []
    assert notices(story.ping(200)) == []
    assert notices(story.tick(2_000)) == []


def test_what_was_told_is_told_to_be_over_and_to_last() -> None:
    story = up()
    assert notices(story.ping(100, "fail")) == DOWN
    mute(story, until=t(1_000))
    assert notices(story.ping(200)) == []
    assert notices(story.tick(1_001)) == RECOVERED
    assert notices(story.ping(1_100, "fail")) == DOWN
    mute(story, until=t(2_000), version=2)
    assert notices(story.tick(2_001)) == ["monitor.down"]  # once more: nobody may have that time in mind


def test_lifted_by_hand_only_what_nobody_knows_is_told() -> None:
    story = up()
    story.ping(100, "fail")
    mute(story)
    assert notices(lift(story)) == []
    story.ping(story.time + 1)
    mute(story, version=2)
    story.ping(story.time + 1, "fail")
    assert notices(lift(story)) == DOWN


def test_a_check_that_gets_the_tag_later_is_covered_and_one_that_loses_it_is_not() -> None:
    story = up(tags="night")
    mute(story)
    assert notices(story.ping(100, "fail")) == DOWN
    story.ping(200)
    story.define(210, tags="night db")
    assert notices(story.ping(300, "fail")) == []
    assert notices(story.define(310, tags="night")) == DOWN


def test_a_check_that_is_made_later_is_covered() -> None:
    story = up()
    mute(story)
    story.remove(100)
    story.define(110, tags="db")
    assert story.state.muted
    assert notices(story.ping(120, "fail")) == []


def test_of_all_checks_only_those_with_the_tag_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many a partition has, somebody who mutes tags all the time delays nobody."""
    story = up()
    others = [derived_id("test", "other", n) for n in range(5)]
    for id, tags in zip(others, ("db", "night", "", "dbs", "db"), strict=True):
        check = Check(id=id, project="p", version=1, created=t(0), tags=tags, schedule=Simple(3_600))
        story.tell(CheckDefined(at=t(story.time), check=check), story.time, key=id)
    looked: list[str] = []

    def check_of(view: View, key: str) -> Check:
        looked.append(key)
        return expiry.check_of(view, key)

    monkeypatch.setattr("processors.checks.muting.check_of", check_of)
    mute(story)
    assert looked == sorted([CHECK, others[0], others[4]])
    story.folding.restart()
    lift(story)
    assert looked[3:] == looked[:3]
    assert not story.state.muted


def test_another_tag_or_project_does_nothing() -> None:
    story = up(tags="dbs")
    mute(story)
    id = tag_mute_id("other", "dbs")
    other = TagMute(id=id, project="other", version=1, created=0, label="dbs")
    story.tell(TagMuted(at=t(story.time), mute=other), story.time, key=id)
    assert not story.state.muted
    assert notices(story.ping(100, "fail")) == DOWN


@pytest.mark.parametrize("first", ["own", "tag"])
def test_of_several_mutes_the_last_counts(first: str) -> None:
    own, tag = (1_000, 2_000) if first == "own" else (2_000, 1_000)
    story = up()
    story.define(20, mute_until=t(own))
    mute(story, until=t(tag))
    story.ping(100, "fail")
    told = story.tick(1_001)
    assert notices(told) == []
    assert bool(of_type(told, MuteEnded)) is (first == "own")
    if first == "own":  # the fold of projects has heard of it
        story.define(story.time, mute_until=None)
        assert story.state.muted
    told = story.tick(2_001)
    assert notices(told) == DOWN
    assert bool(of_type(told, MuteEnded)) is (first == "tag")


def test_a_mute_until_recovery_ends_while_a_tag_mutes_on() -> None:
    story = up()
    assert notices(story.ping(100, "fail")) == DOWN
    story.define(110, mute_until="recovery")
    mute(story, until=t(1_000))
    back = story.ping(200)
    assert [each.until for each in of_type(back, MuteEnded)] == ["recovery"]
    assert notices(back) == []
    assert story.state.muted
    assert notices(story.tick(1_001)) == RECOVERED
    assert notices(story.ping(1_100, "fail")) == DOWN


def test_an_own_mute_that_an_older_version_ended_does_not_begin_again_with_that_of_a_tag() -> None:
    """It did not note that in the state; the definition has the mute until the fold of projects takes it off."""
    story = up(mute_until="recovery")
    story.ping(100, "fail")
    story.ping(200)
    story.folding.committed[CHECK] = encode(replace(story.state, own_mute_over=False))
    story.folding.restart()
    mute(story, until=t(1_000))
    story.tick(1_001)
    assert not story.state.muted
    assert notices(story.ping(1_100, "fail")) == DOWN


def test_it_is_lengthened_and_shortened_and_old_news_change_nothing() -> None:
    story = up()
    mute(story, until=t(1_000))
    story.ping(100, "fail")
    mute(story, until=t(3_000), version=3)
    mute(story, until=t(500), version=2)
    assert notices(story.tick(2_000)) == []
    mute(story, until=t(2_500), version=4)
    assert notices(story.tick(2_501)) == DOWN
    assert notices(lift(story, expired=True)) == []


def test_a_restart_in_between_changes_nothing() -> None:
    story = up()
    mute(story, until=t(1_000))
    story.ping(100, "fail")
    story.folding.restart()
    assert notices(story.tick(999)) == []
    story.folding.restart()
    assert notices(story.tick(1_001)) == DOWN
    story.folding.restart()
    assert notices(story.tick(1_500)) == []


def test_a_pause_in_between_is_told_by_nobody() -> None:
    story = up()
    mute(story, until=t(1_000))
    story.ping(100, "fail")
    story.pause(200)
    assert notices(story.tick(2_000)) == []


@given(st.lists(st.sampled_from(["fail", "ping", "mute", "short", "lift", "tag", "untag", "own", "tick", "restart"])))
def test_whoever_knows_of_an_incident_hears_of_its_end_and_nothing_stays_untold(steps: list[str]) -> None:
    story, version, known = up(), 0, False
    told: list[str] = []

    def hear(effects: list[Effect]) -> None:
        nonlocal known
        for notice in notices(effects):
            told.append(notice)
            if notice == "monitor.down":
                known = True
            elif notice == "monitor.recovered":
                assert known, told
                known = False

    for step in [*steps, "lift", "unown", "tick"]:
        at, version = story.time + 5, version + 1
        match step:
            case "fail":
                hear(story.ping(at, "fail"))
            case "ping":
                hear(story.ping(at))
            case "mute":
                hear(mute(story, version=version))
            case "short":
                hear(mute(story, until=t(at + 20), version=version))
            case "lift":
                hear(lift(story))
            case "tag":
                hear(story.define(at, tags="db"))
            case "untag":
                hear(story.define(at, tags="night"))
            case "own":
                hear(story.define(at, mute_until=t(at + 30)))
            case "unown":
                hear(story.define(at, mute_until=None))
            case "restart":
                story.folding.restart()
            case _:
                hear(story.tick(at + 10))
    assert not story.state.muted
    assert known is (story.state.status == "down"), told


def test_several_checks_are_told_of_in_one_order_whenever_they_came() -> None:
    story = Story(tags="other")
    mute(story)
    ids = sorted((derived_id("check", str(number)) for number in range(5)), reverse=True)
    for id in ids:
        check = Check(id=id, project="p", version=1, created=t(0), tags="db", channels=("hook",))
        story.tell(CheckDefined(at=t(0), check=check), 1, key=id)
        assert notices(story.tell(Ping(kind="fail", at=t(1)), 1, key=id)) == []
    told = of_type(lift(story), DeliveryRequested)
    assert [each.data["monitor"]["id"] for each in told] == sorted(ids)


def test_a_journal_that_lost_its_end_hears_of_it_again() -> None:
    story, id = up(), tag_mute_id("p", "db")
    definition = TagMute(id=id, project="p", version=5, created=t(0), label="db")
    checks = {CHECK: Check(id=CHECK, project="p", version=1, created=t(0))}
    [(key, told)] = missed_by_checks(story.folding.session.view, Defined(checks=checks, tag_mutes={id: definition}))
    assert (key, told) == (id, TagMuted(at=t(0), mute=definition))
    story.tell(told, story.time, key=key)
    assert story.state.muted
    view = story.folding.session.view
    assert list(missed_by_checks(view, Defined(checks=checks, tag_mutes={id: definition}))) == []
    assert list(missed_by_checks(view, Defined(checks=checks, complete=False))) == []
    [(key, told)] = missed_by_checks(view, Defined(checks=checks))
    assert isinstance(told, TagUnmuted)
    story.tell(told, story.time, key=key)
    assert not story.state.muted


def test_what_a_tag_is() -> None:
    assert is_tag("db")
    assert not any(map(is_tag, ("", " ", "a b", " a", "a\n", "a\u3000b")))
    assert tag_mute_id("p", "a") != tag_mute_id("p", "b")
