"""Which records only folds can have made: every type of every topic of effects is one or the other."""

from typing import get_args

import pytest

from infra.log.reading import Stored
from pingfold.replay.derived import effect_topics, letters_of
from schemas.base import encode
from schemas.dead_letters import RETRIED_HEADER, DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id, is_derived, new_id
from schemas.published import kind_of, tag_of, types_of
from schemas.requests import ProjectsRequest
from schemas.topics import DEAD_LETTERS, DECISIONS, DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, TRANSITIONS, Topic
from tests.toy_fold import Toy

INCIDENTS = {
    *("incident.acknowledged", "incident.released", "incident.commented", "incident.tell"),
    *("escalation.defined", "escalation.removed"),
}
ON_CALL = {"on-call.defined", "on-call.removed"}
MADE = {
    PINGS: {
        "check.defined", "check.removed", "notices.chosen", "maintenance.defined", "maintenance.removed",
        "tag.muted", "tag.unmuted", *INCIDENTS, *ON_CALL,
    },
    PROBE_RESULTS: {
        "monitor.defined", "monitor.removed", "maintenance.defined", "maintenance.removed", "dependency.changed",
        "notices.chosen", *INCIDENTS, *ON_CALL,
    },
    DELIVERIES: {
        "endpoint.defined", "endpoint.removed", "delivery.requested", "confirmation.requested", "mailbox.answered",
        "invitation.requested",
        "template.defined", "template.removed",
    },
    PROJECTS: {
        *("channel.disabled", "channel.failing", "mute.ended", "outage.ended", "things.unobserved"),
        *("check.claimed", "claim.released", "person.made"),
    },
}  # fmt: skip
BY_OTHERS = {
    PINGS: {"ping.received", "check.paused", "check.resumed", "tick", "time.corrected"},
    PROBE_RESULTS: {
        "probe.completed",
        "certificate.tested",
        "domain.tested",
        "region.troubled",
        "region.well",
        "tick",
        "time.corrected",
    },
    DELIVERIES: {"delivery.attempted", "delivery.replayed", "tick", "time.corrected"},
    # A claim that stands, or an invitation that was accepted, is decided like a request, and is one of a fold.
    PROJECTS: {tag_of(each) for each in get_args(ProjectsRequest)} - {"check.claimed", "person.made"}
    | {"tick", "time.corrected"},
}


def stored(value: bytes, headers: list[tuple[str, bytes]] | None = None) -> Stored:
    return Stored(0, 0, 0, b"key", value, headers)


def test_topics_of_effects() -> None:
    """All streams of folds, and the journals to which folds send."""
    assert set(effect_topics()) == {TRANSITIONS, DECISIONS, DEAD_LETTERS, *MADE}
    assert set(MADE) == set(BY_OTHERS)
    assert {kind_of(topic) for topic in MADE} == {"journal"}


@pytest.mark.parametrize("topic", effect_topics(), ids=str)
def test_every_type_is_by_a_fold_or_by_others(topic: Topic) -> None:
    """A new type of a journal belongs into `MADE` and into `from_folds` of `schemas/topics.py`, or into `BY_OTHERS`."""
    is_made = effect_topics()[topic]
    for value_type in types_of(topic):
        tag = tag_of(value_type)
        by_fold = topic not in MADE or tag in MADE[topic]
        assert by_fold != (tag in BY_OTHERS.get(topic, ())), f"who appends {tag} to {topic}?"
        if value_type is not DeliveryRequested:
            assert is_made(stored(b'{"type":"%s","at":1}' % tag.encode())) == by_fold


def test_a_delivery_that_somebody_asked_for_is_not_made_by_a_fold() -> None:
    is_made = effect_topics()[DELIVERIES]
    request = DeliveryRequested(transition=derived_id("thing", "change", 1), at=1, notices=("monitor.down",), data={})
    assert is_made(stored(encode(request)))
    test = DeliveryRequested(transition=new_id(), at=1, notices=("monitor.down",), data={})
    assert not is_made(stored(encode(test)))
    assert not is_made(stored(b'{"type":"delivery.requested"}'))
    assert not is_made(stored(b'{"type":"delivery.requested","transition":3'))
    assert is_derived(derived_id("a"))
    assert not is_derived(new_id())
    assert not is_derived("5")


def test_a_dead_letter_that_was_put_back_is_not_made_by_a_fold() -> None:
    is_made = effect_topics()[PINGS]
    value = b'{"type":"check.removed","at":1}'
    assert is_made(stored(value))
    assert not is_made(stored(value, [(RETRIED_HEADER, b"pings/0/1")]))
    assert not is_made(stored(b""))
    assert not is_made(Stored(0, 0, 0, None, None, None))


def test_dead_letters_of_other_folds() -> None:
    toy = Toy("toy")
    letter = DeadLetter(topic="toy-journal", partition=0, offset=1, key="", value=b"", reason="r", at=1)
    assert letters_of(toy.folds)(stored(encode(letter)))
    assert not letters_of(Toy("other").folds)(stored(encode(letter)))
    assert not letters_of(toy.folds)(stored(b"{"))
    assert effect_topics()[DEAD_LETTERS](stored(encode(letter)))
