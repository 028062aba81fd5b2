"""Escalation policies: whom else to tell of an incident that nobody acknowledges, and when. Pure.

`processors.fold.escalations` has the rules. A policy is for the things that it names, or else for all of its project
that no other policy names.
"""

from itertools import pairwise
from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import SECOND, Fact, Micros
from schemas.managed import ManagedBy

MINUTE: Micros = 60 * SECOND
MOST_STEPS = 20
MOST_CHANNELS = 20
MOST_ON_CALL = 5
# So many policies a project may have.
MOST_POLICIES = 100
# So many things all of them may name together: each partition of two journals is told of each change of a policy.
MOST_NAMED = 10_000
# So many channels are kept in mind that were told of an incident: policies may change for as long as it is open.
MOST_TOLD = 1_000
# Eternity is `None`.
MOST_REPEATS = 1_000

Minutes = Annotated[int, Meta(ge=1, le=10_080)]
Repeat = Annotated[int, Meta(ge=0, le=MOST_REPEATS)] | None
PolicyName = Annotated[str, Meta(min_length=1, max_length=200)]


class Step(Struct, frozen=True, omit_defaults=True, gc=False):
    """`after` minutes from the beginning of a round these channels are told. own: those of the thing, too.

    on_call: rotations (`schemas.on_call`); whoever is on call when the step is passed is told. When that is nobody, and
    the step would tell nobody else, those of the thing are told.
    """

    after: Minutes
    channels: Annotated[tuple[str, ...], Meta(max_length=MOST_CHANNELS)] = ()
    own: bool = False
    on_call: Annotated[tuple[str, ...], Meta(max_length=MOST_ON_CALL)] = ()


Steps = Annotated[tuple[Step, ...], Meta(max_length=MOST_STEPS)]


class EscalationPolicy(Fact, tag="escalation", frozen=True):
    """An escalation policy. things: ids of checks and monitors; empty: all that no other policy names.

    steps: in the order of their time. The first round begins at the first notice of an incident, each further one at
    the last step of the previous one. repeat: number of further rounds; None: until somebody acknowledges.
    managed_by: the set of declarations that made it, or has taken it over; empty: none.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: PolicyName
    steps: Steps = ()
    repeat: Repeat = 0
    things: tuple[str, ...] = ()
    managed_by: ManagedBy = ""


class EscalationDefined(Fact, tag="escalation.defined", frozen=True):
    """An escalation policy was created or changed. Sent to every partition."""

    at: Micros
    policy: EscalationPolicy


class EscalationRemoved(Fact, tag="escalation.removed", frozen=True):
    """An escalation policy was removed. Sent to every partition."""

    at: Micros
    id: str


class EscalationCopy(Fact, tag="escalation-definition", frozen=True):
    """A fold's own copy of a policy. since: time of the last change of its steps."""

    policy: EscalationPolicy
    since: Micros


class Escalating(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where the escalation of an open incident stands that people were told of.

    last: when its newest step was due, or people were told. passed: number of steps passed of the policy with this id,
    as it is since then. told: channels that were told by it, the newest `MOST_TOLD`.
    began: when people were told, or told again, from which repeats per channel are counted; 0: an older version did not
    note it. repeated: until when repeats were passed.
    """

    last: Micros
    policy: str = ""
    since: Micros = 0
    passed: int = 0
    told: tuple[str, ...] = ()
    began: Micros = 0
    repeated: Micros = 0


def escalation_key(policy: str) -> str:
    """The key of a policy, and of the own copy of a fold."""
    return f"escalation/{policy}"


def fault_of(steps: tuple[Step, ...]) -> str:
    """What is wrong with the steps of a policy, in words; empty when nothing is.

    One that tells nobody is not wrong: its channels may have been removed.
    """
    times = [step.after for step in steps]
    if any(later <= earlier for earlier, later in pairwise(times)):
        return "each step must come later than the one before"
    return ""


def minutes_before(policy: EscalationPolicy, number: int) -> int | None:
    """How many minutes before the step with this number, from 0 and over all rounds, the one before is; None: there is
    no such step."""
    count = len(policy.steps)
    if not count or (policy.repeat is not None and number >= count * (policy.repeat + 1)):
        return None
    place = number % count
    return policy.steps[place].after - (policy.steps[place - 1].after if place else 0)


def is_same_or_less(old: EscalationPolicy, new: EscalationPolicy) -> bool:
    """Whether a change lets everything stand, but for channels that are told no more."""
    return (
        old.repeat == new.repeat
        and len(old.steps) == len(new.steps)
        and all(
            was.after == now.after
            and set(now.channels) <= set(was.channels)
            and set(now.on_call) <= set(was.on_call)
            and (was.own or not now.own)
            for was, now in zip(old.steps, new.steps, strict=True)
        )
    )
