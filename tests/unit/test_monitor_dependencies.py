"""Monitors that depend on others: nobody is told twice of one outage, and nobody is left without a word."""

from msgspec.structs import replace

from processors.fold.contract import EVERY, Effect
from processors.monitors.dependency_records import dependency_key
from schemas.base import SECOND
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import DependencyDown
from schemas.probes import DependencyChanged
from schemas.topics import PROBE_RESULTS
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, changes, notices, seconds, t

ROUTER = derived_id("test", "router")
UPLINK = derived_id("test", "uplink")
DOWN = ["monitor.down", "incident.created"]
RECOVERED = ["monitor.recovered", "incident.resolved"]
WAIT = 60


def below(*above: str) -> Story:
    """A monitor that is up and depends on others."""
    story = Story(depends_on=above or (ROUTER,), dependency_wait=WAIT)
    story.probe(0)
    story.probe(1)
    return story


def says(story: Story, monitor: str, down: bool, at: float) -> list[Effect]:
    return story.tell(DependencyChanged(at=t(at), monitor=monitor, down=down), at, key=monitor)


def test_it_is_told_when_the_wait_is_over() -> None:
    story = below()
    effects = story.probe(2, ok=False)
    assert [change[:2] for change in changes(effects)] == [("up", "down")]
    assert notices(effects) == []
    assert story.state.incident is not None
    assert story.state.notice_at is not None
    due = seconds(story.state.notice_at)
    assert story.slot(2) + WAIT <= due < story.slot(2) + WAIT + 40
    assert notices(story.tick(due - 0.000001)) == []
    told = story.tick(due)
    assert notices(told) == DOWN
    [request] = of_type(told, DeliveryRequested)
    [change] = of_type(effects, StatusChanged)
    assert (request.transition, request.at) == (change.id, change.at)
    assert request.data["incident"]["id"] == story.state.incident
    assert request.data["monitor"]["current_status"] == "down"
    assert request.data["monitor"]["last_results"][-1]["status"] == "down"
    assert story.tick(due + 1_000) == []
    # What was told is told to be over, whatever what it depends on is now.
    says(story, ROUTER, True, due + 1_001)
    assert notices(story.probe(40)) == RECOVERED


def test_nobody_is_told_while_what_it_depends_on_is_down() -> None:
    story = below()
    story.probe(2, ok=False)
    says(story, ROUTER, True, story.time + 5)
    for n in range(3, 60):
        assert notices(story.probe(n, ok=False)) == []
    assert story.state.status == "down"
    # Back, and the monitor is back soon after: nobody needs to know.
    assert says(story, ROUTER, False, story.time + 1) == []
    effects = story.probe(60)
    assert changes(effects)[0][:2] == ("down", "up")
    assert notices(effects) == []
    assert notices(story.tick(100_000)) == []


def test_one_that_was_down_already_when_it_went_down() -> None:
    story = below()
    says(story, ROUTER, True, story.time)
    story.probe(2, ok=False)
    assert notices(story.tick(story.time + 5 * WAIT)) == []


def test_one_that_does_not_come_back_is_told_a_wait_later() -> None:
    story = below()
    story.probe(2, ok=False)
    says(story, ROUTER, True, story.time)
    for n in range(3, 20):
        story.probe(n, ok=False)
    back = story.time + 1
    says(story, ROUTER, False, back)
    assert notices(story.tick(back + WAIT - 0.000001)) == []
    assert notices(story.tick(back + WAIT)) == DOWN


def test_any_of_those_it_depends_on_is_reason_enough() -> None:
    story = below(ROUTER, UPLINK)
    story.probe(2, ok=False)
    says(story, ROUTER, True, story.time)
    says(story, UPLINK, True, story.time)
    says(story, ROUTER, False, story.time + 10)
    assert notices(story.tick(story.time + 5 * WAIT)) == []
    back = story.time
    says(story, UPLINK, False, back)
    assert notices(story.tick(back + WAIT)) == DOWN


def test_one_that_no_longer_depends_is_told() -> None:
    story = below()
    says(story, ROUTER, True, story.time)
    story.probe(2, ok=False)
    story.tick(story.time + 5 * WAIT)
    story.define(story.time + 1, depends_on=())
    assert notices(story.tick(story.time + 1)) == DOWN


def test_what_ends_the_incident_ends_the_wait() -> None:
    story = below()
    story.probe(2, ok=False)
    assert notices(story.define(story.time, paused=True)) == []
    assert story.state.notice_at is None
    assert notices(story.tick(story.time + 5 * WAIT)) == []


def test_a_restart_in_between_forgets_nothing() -> None:
    story = below()
    says(story, ROUTER, True, story.time)
    story.probe(2, ok=False)
    story.folding.restart()
    assert notices(story.tick(story.time + 2 * WAIT)) == []
    back = story.time
    says(story, ROUTER, False, back)
    story.folding.restart()
    assert notices(story.tick(back + WAIT)) == DOWN


def test_a_monitor_that_others_depend_on_says_how_it_is_in_every_partition() -> None:
    story = Story(depended_on=True)
    assert told_to_dependents(story.probe(0)) == []
    down = story.probe(1, ok=False)
    [(topic, key, partition)] = [effect[:2] + effect[3:] for effect in down if effect.topic is PROBE_RESULTS]
    assert (topic, key, partition) == (PROBE_RESULTS, MONITOR, EVERY)
    [word] = of_type(down, DependencyChanged)
    assert (word.monitor, word.down, word.at) == (MONITOR, True, story.state.down_since)
    assert told_to_dependents(story.probe(3)) == [False]


def test_it_says_so_when_it_begins_and_ceases_to_be_one() -> None:
    story = Story()
    assert told_to_dependents(story.probe(0, ok=False)) == []
    assert told_to_dependents(story.define(story.time, depended_on=True)) == [True]
    assert told_to_dependents(story.define(story.time, depended_on=False)) == [False]


def test_one_that_is_paused_or_removed_explains_nothing_any_more() -> None:
    for ends in ("paused", "removed"):
        story = Story(depended_on=True)
        story.probe(0, ok=False)
        effects = story.define(story.time, paused=True) if ends == "paused" else story.remove(story.time)
        assert told_to_dependents(effects) == [False]


def test_each_partition_has_a_record_while_it_is_down() -> None:
    story = below()
    says(story, ROUTER, True, 200)
    assert story.folding.state(DependencyDown, dependency_key(ROUTER)).at == t(200)
    says(story, ROUTER, False, 210)
    assert dependency_key(ROUTER) not in story.folding.committed


def test_words_about_it_that_make_no_sense_are_refused() -> None:
    story = below()
    before = dict(story.folding.committed)
    word = DependencyChanged(at=t(story.time), monitor=ROUTER, down=True)
    for key, odd in ((UPLINK, word), (ROUTER, replace(word, at=t(10**8))), (ROUTER, replace(word, at=-SECOND))):
        [letter] = story.tell(odd, story.time, key=key)
        assert letter.topic.name == "dead-letters"
    assert story.tell(word, story.time, key=ROUTER, retried=True) == []
    assert {key for key in story.folding.committed if story.folding.committed[key] != before.get(key)} == {"partition"}


def told_to_dependents(effects: list[Effect]) -> list[bool]:
    """Whether it is down, as often as it says so."""
    return [word.down for word in of_type(effects, DependencyChanged)]
