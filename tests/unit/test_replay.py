"""What a replay sees on a log in memory: states, and effects with their numbers."""

import json
from pathlib import Path

import pytest

from pingfold.replay.outcome import EQUAL
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY
from schemas.topics import DEAD_LETTERS
from tests.replay_world import PARTITIONS, ReplayWorld, last_effects, only, place_with, upgrade
from tests.toy_fold import Third, Total


@pytest.fixture
def world(tmp_path: Path) -> ReplayWorld:
    """One that has folded 300 events twice."""
    world = ReplayWorld(tmp_path)
    for _ in range(2):
        world.add(300)
        world.fold()
    return world


# ---- effects


def test_equal(world: ReplayWorld) -> None:
    outcome = world.verify()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert outcome.events > 600
    assert outcome.effects > 200
    assert outcome.states > 17
    assert not outcome.notes


@pytest.mark.parametrize("which", ["second", "dead-letters"])
def test_an_effect_that_was_written_twice(world: ReplayWorld, which: str) -> None:
    topic, partition = last_effects(world)
    if which == "dead-letters":
        topic = DEAD_LETTERS
        partition = place_with(world, topic, 1)
    records = world.log.records[topic.name, partition]
    double = records[-1]
    world.log.append(topic, partition, (double.key or b"").decode(), double.value)
    outcome = world.verify()
    assert only(outcome) == ("duplicate", topic.name, partition, len(records) - 1)
    same = sum(one[3:5] == double[3:5] for one in records)
    assert f"written {same} times, made {same - 1} times" in outcome.differences[0].text
    assert (double.key or b"").decode() == outcome.differences[0].key


def test_an_effect_for_every_partition_that_one_partition_has_twice(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    every = next(
        one for one in reversed(world.log.records[topic.name, partition]) if b'"number":0' in (one.value or b"")
    )
    world.log.append(topic, partition, (every.key or b"").decode(), every.value)
    assert only(world.verify())[0] == "duplicate"


def test_an_effect_that_is_missing(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    records = world.log.records[topic.name, partition]
    gone = records[-1]
    del records[-1]
    outcome = world.verify()
    assert only(outcome) == ("missing", topic.name, partition, None)
    assert outcome.differences[0].key == (gone.key or b"").decode()
    assert "of toy-journal/" in outcome.differences[0].text


def test_an_effect_in_the_wrong_partition(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    records = world.log.records[topic.name, partition]
    index = max(number for number, one in enumerate(records) if b'"number":0' not in (one.value or b""))
    moved = records.pop(index)
    records[index:] = [one._replace(offset=one.offset - 1) for one in records[index:]]
    other = (partition + 1) % PARTITIONS
    world.log.append(topic, other, (moved.key or b"").decode(), moved.value)
    world.fold()
    outcome = world.verify()
    assert {(one.kind, one.partition) for one in outcome.differences} == {("missing", partition), ("unexpected", other)}


def test_an_effect_that_no_replay_makes(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "group-0", encode(Third(thing="forged", number=6)))
    assert world.verify().status == EQUAL  # it may still be refused
    world.fold()
    outcome = world.verify()
    assert only(outcome)[0] == "unexpected"
    assert "forged" in outcome.differences[0].text


def test_what_others_append_to_a_journal_is_no_effect(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "thing", b'{"type":"added","number":1}')
    world.log.append(topic, partition, "thing", b"\xff")
    assert world.verify().status == EQUAL


def test_what_was_refused_is_no_effect(world: ReplayWorld) -> None:
    """An outsider's event of a type that only folds make, which the fold has put among the dead letters."""
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "k" * 2_000, encode(Third(thing="forged", number=6)))
    world.fold()
    assert world.verify(snapshot=True).status == EQUAL
    upgrade(world)
    outcome = world.verify()
    assert outcome.snapshot
    assert outcome.status == EQUAL, list(outcome.lines(True))


def test_many_differences_are_all_counted(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    for number in range(1_000):
        world.log.append(topic, partition, "group-0", encode(Third(thing="forged", number=number)))
    world.fold()
    outcome = world.verify()
    assert outcome.difference_count == 1_000
    assert len(outcome.differences) < 200
    assert "different in 1000 places" in list(outcome.lines(True))[-1]


def test_a_live_system_goes_on(world: ReplayWorld) -> None:
    """What is written meanwhile is neither missing nor too much."""

    def go_on() -> None:
        world.add(200)
        world.fold()

    world.log.when_settling = go_on
    assert world.verify().status == EQUAL


# ---- states


def test_states(world: ReplayWorld) -> None:
    states, partition = world.toy.states, place_with(world, world.toy.states)
    key = next(
        (one.key or b"").decode()
        for one in world.log.records[states.name, partition]
        if b'"total"' in (one.value or b"")
    )
    world.log.append(states, partition, key, encode(Total(count=77)))
    world.log.append(states, partition, "forged", encode(Total(count=1)))
    outcome = world.verify()
    assert {one.key for one in outcome.differences} == {key, "forged"}
    assert {one.kind for one in outcome.differences} == {"state"}
    world.log.append(states, partition, "forged", None)
    world.log.append(states, partition, key, None)
    assert only(world.verify()) == ("state", states.name, partition, None)


def test_the_words_of_a_state_do_not_matter(world: ReplayWorld) -> None:
    states, partition = world.toy.states, place_with(world, world.toy.states)
    newest = {one.key: one.value for one in world.log.records[states.name, partition]}
    for key, value in newest.items():
        if value is not None and key != PROGRESS_KEY.encode():
            world.log.append(states, partition, (key or b"").decode(), json.dumps(json.loads(value), indent=1).encode())
    assert world.verify(snapshot=True).status == EQUAL
