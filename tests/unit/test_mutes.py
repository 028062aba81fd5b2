"""Mutes: what is muted is judged as always, nobody is told, and when it ends people know what they need to know."""

import pytest
from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.monitors.transitions import BLIND
from processors.monitors.transitions import request_again as monitor_request
from schemas.base import SECOND
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.monitors import Monitor
from schemas.mutes import MuteUntil
from schemas.probes import DependencyChanged, MaintenanceDefined
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, changes, notices, t
from tests.mute_story import DOWN, RECOVERED, ended, requests, up
from tests.validity_story import Watched, certificate

ROUTER = derived_id("test", "router")
UNSEEN = ["monitor.not_observed"]
LATER = 10_000.0


def mute(story: Story, until: MuteUntil) -> list[Effect]:
    return story.define(story.time, mute_until=until)


# ---- monitors


@pytest.mark.parametrize("until", ["recovery", "forever", t(LATER)])
def test_what_is_muted_is_judged_and_nobody_is_told(until: MuteUntil) -> None:
    story = up(mute_until=until)
    down = story.probe(2, ok=False)
    assert changes(down)[0][:3] == ("up", "down", "probe")
    assert story.state.incident is not None
    [change] = of_type(down, StatusChanged)
    assert change.silent
    assert notices(down) == []
    back = story.probe(3)
    assert changes(back)[0][:2] == ("down", "up")
    assert notices(back) == []
    assert notices(story.tick(LATER - 1)) == []


def test_a_mute_until_recovery_ends_with_the_incident() -> None:
    story = up(mute_until="recovery")
    story.probe(2, ok=False)
    assert ended(story.probe(3)) == [("recovery", story.slot(3))]
    # The definition may still say so: what counts is what the fold knows.
    assert notices(story.probe(4, ok=False)) == DOWN
    story.define(story.time, confirmations=1)
    assert notices(story.probe(5)) == RECOVERED
    # It is said again that it has ended, in case that was lost.
    assert ended(story.effects)[-1] == ("recovery", story.slot(5))


def test_what_was_told_is_told_to_be_over_when_that_ends_the_mute() -> None:
    story = up()
    assert notices(story.probe(2, ok=False)) == DOWN
    mute(story, "recovery")
    back = story.probe(3)
    assert notices(back) == RECOVERED
    assert ended(back) == [("recovery", story.slot(3))]


def test_a_pause_ends_a_mute_until_recovery() -> None:
    story = up(mute_until="recovery")
    story.probe(2, ok=False)
    paused = story.define(story.time, paused=True)
    assert ended(paused) == [("recovery", story.time)]
    assert notices(paused) == []
    assert not story.state.muted
    assert not story.state.silenced


def test_a_pause_without_an_incident_ends_no_mute() -> None:
    story = up(mute_until="recovery")
    assert ended(story.define(story.time, paused=True)) == []
    assert story.state.muted


def test_it_is_told_at_the_end_of_the_mute_that_it_is_down() -> None:
    story = up(mute_until=t(LATER))
    [change] = of_type(story.probe(2, ok=False), StatusChanged)
    assert story.tick(LATER - 1) == []
    told = story.tick(LATER)
    assert ended(told) == [(t(LATER), LATER)]
    assert notices(told) == DOWN
    [request] = requests(told)
    # As it would have been told at once: receivers know the notice by its id.
    assert (request.transition, request.at) == (change.id, change.at)
    assert request.data["incident"]["id"] == story.state.incident
    assert notices(story.probe(200)) == RECOVERED
    assert ended(story.effects) == [(t(LATER), LATER)]


def test_who_muted_what_they_knew_to_be_down_is_told_again() -> None:
    story = up()
    [change] = of_type(story.probe(2, ok=False), StatusChanged)
    mute(story, t(LATER))
    told = story.tick(LATER)
    assert notices(told) == ["monitor.down"]
    [request] = requests(told)
    assert request.transition != change.id
    assert request.at == t(LATER)
    assert request.data["incident"]["id"] == story.state.incident
    assert notices(story.tick(LATER + 100)) == []


def test_a_recovery_of_what_was_told_is_told_when_the_mute_ends() -> None:
    story = up()
    story.probe(2, ok=False)
    mute(story, t(LATER))
    [change] = of_type(story.probe(3), StatusChanged)
    assert change.silent
    # It goes down once more, and back: of that nobody is told.
    story.probe(4, ok=False)
    story.probe(5)
    told = story.tick(LATER)
    assert notices(told) == RECOVERED
    [request] = requests(told)
    assert (request.transition, request.at) == (change.id, change.at)
    assert request.data["incident"]["resolved_at"] is not None
    assert notices(story.tick(LATER + 100)) == []


def test_a_recovery_that_is_owed_and_a_new_incident() -> None:
    story = up()
    story.probe(2, ok=False)
    mute(story, t(LATER))
    story.probe(3)
    story.probe(4, ok=False)
    assert notices(story.tick(LATER)) == RECOVERED + DOWN


def test_who_lifts_a_mute_is_told_what_nobody_was_told() -> None:
    story = up(mute_until="forever")
    story.probe(2, ok=False)
    lifted = mute(story, None) + story.tick(story.time + 1)
    assert notices(lifted) == DOWN
    assert ended(lifted) == [], "the definition says so already"


def test_who_lifts_a_mute_is_not_told_what_they_know() -> None:
    story = up()
    story.probe(2, ok=False)
    mute(story, "forever")
    assert notices(mute(story, None) + story.tick(story.time + 1)) == []
    assert notices(story.probe(3)) == RECOVERED


def test_another_mute_takes_the_place_of_one() -> None:
    story = up(mute_until="forever")
    story.probe(2, ok=False)
    assert notices(mute(story, t(LATER)) + story.tick(story.time + 1)) == []
    assert notices(mute(story, t(2 * LATER)) + story.tick(LATER)) == []
    assert notices(story.tick(2 * LATER)) == DOWN


def test_a_mute_of_a_paused_monitor_ends_at_its_time() -> None:
    story = up(mute_until=t(LATER))
    story.define(story.time, paused=True)
    story.folding.restart()
    assert ended(story.tick(LATER)) == [(t(LATER), LATER)]


def test_a_restart_in_between_forgets_nothing() -> None:
    story = up(mute_until=t(LATER))
    story.probe(2, ok=False)
    story.folding.restart()
    assert notices(story.tick(LATER - 1)) == []
    story.folding.restart()
    assert notices(story.tick(LATER)) == DOWN
    story.folding.restart()
    assert notices(story.tick(LATER + 1)) == []


def test_that_it_is_not_observed_is_told_when_the_mute_ends_if_it_still_is() -> None:
    story = up(mute_until=t(LATER))
    assert notices(story.tick(1_000)) == []
    assert notices(story.tick(LATER - 1)) == []
    assert story.state.unobserved
    assert notices(story.tick(LATER)) == ["monitor.not_observed"]
    story = up(mute_until=t(LATER))
    story.tick(LATER - 1_000)
    story.probe(170)
    assert not story.state.unobserved
    assert notices(story.tick(LATER)) == []


def test_that_it_is_not_observed_waits_after_the_mute() -> None:
    story = up(mute_until=t(200))
    assert notices(story.tick(250)) == []
    assert story.state.unobserved
    assert notices(story.tick(250 + BLIND / SECOND)) == ["monitor.not_observed"]


def test_a_monitor_below_another_is_told_after_both_the_mute_and_the_other() -> None:
    story = up(mute_until=t(LATER), depends_on=(ROUTER,), dependency_wait=60)
    story.probe(2, ok=False)
    assert notices(story.tick(story.time + 500)) == []
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=True), story.time, key=ROUTER)
    assert notices(story.tick(LATER)) == []
    back = LATER + 100
    story.tell(DependencyChanged(at=t(back), monitor=ROUTER, down=False), back, key=ROUTER)
    assert notices(story.tick(back + 59)) == []
    assert notices(story.tick(back + 60)) == DOWN
    assert notices(story.probe(200)) == RECOVERED


def test_a_monitor_that_comes_back_with_what_it_depends_on_is_not_told_of() -> None:
    story = up(mute_until=t(LATER), depends_on=(ROUTER,), dependency_wait=60)
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=True), story.time, key=ROUTER)
    story.probe(2, ok=False)
    assert notices(story.tick(LATER)) == []
    assert notices(story.probe(200)) == []


def test_a_mute_goes_on_in_maintenance() -> None:
    story = up(mute_until=t(LATER))
    window = Maintenance(
        id=derived_id("window"), project="p", version=1, created=t(0), revised=t(0), name="Works",
        window=Once(start=t(300), end=t(LATER + 600)),
    )  # fmt: skip
    story.tell(MaintenanceDefined(at=t(200), maintenance=window), 200, key=window.id)
    story.tick(300)
    for n in range(6, 9):
        assert notices(story.probe(n, ok=False)) == []
    told = story.tick(LATER)
    assert (ended(told), notices(told)) == ([(t(LATER), LATER)], [])
    # The window is over, and it is down: that is told as of any other.
    story.tick(LATER + 600)
    down = [effect for n in range(2) for effect in story.probe(n, ok=False)]
    assert notices(down) == DOWN


def test_what_was_silent_is_not_requested_again_after_the_journal_was_cut() -> None:
    story = up(mute_until="forever")
    [change] = of_type(story.probe(2, ok=False), StatusChanged)
    state = story.folding.state(type(story.state), MONITOR)
    monitor: Monitor = story.monitor
    assert monitor_request(change, "", state, monitor) is None
    assert monitor_request(replace(change, silent=False), "", state, monitor) is not None


def test_a_certificate_that_ends_is_warned_of_when_the_mute_ends() -> None:
    day = 86_400
    watched = Watched(mute_until=t(2 * day))
    assert notices(watched.test(certificate(5)) + watched.until(1.9, certificate(5))) == []
    told = watched.until(2, certificate(5))
    assert (ended(told), notices(told)) == ([(t(2 * day), 2 * day)], [*UNSEEN, "monitor.ssl_expiration"])
    # Lifted by somebody, and by a recovery: the same.
    watched = Watched(mute_until="forever")
    watched.test(certificate(5))
    watched.story.define(watched.story.time, mute_until=None)
    assert notices(watched.story.tick(watched.story.time + 1)) == ["monitor.ssl_expiration"]
    watched = Watched(mute_until="recovery")
    watched.story.probe(0)
    watched.story.probe(1, ok=False)
    watched.test(certificate(5))
    watched.story.probe(3)
    assert notices(watched.story.tick(watched.story.time + 1)) == ["monitor.ssl_expiration"]
