"""Escalations: who else is told of an incident that nobody acknowledges, and when. Pure; for monitors and checks.

The contract:

- An escalation begins when people are told that a thing is down, and goes with the incident. It has no clock of its
  own: a tick that passes the next step of the policy makes it.
- What ends it: the incident is over, or somebody acknowledges it, or no policy is there for the thing any more. Nothing
  is told after that, but for the end of the incident, to everybody who was told of it.
- Each step is passed once. Of several that one tick passes, as after an outage, each channel is told once; the steps
  after them keep their distance from that tick.
- While nobody is to be told (a mute, a window, what the thing depends on is down, it is not observed), no step is
  passed. When a mute ends, or what it depends on is back, the next step comes as long after that as after the step
  before.
- A policy that is changed, or that counts in place of another, begins at its first step for what is open, counted from
  then; not when it only tells fewer channels. One that counts again does so, too, and tells under ids of its own.
- What went down before a version knew of escalations is open like all that people were told of.
- Who is on call is asked at the time of the tick that passes the step. When it is nobody, and the step names nobody
  else, the own channels are told, and that nobody is on call.
- A snooze ends with the tick that passes its time: the own channels are told that the thing is still down, and the next
  step comes as long after that as after the step before.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec.structs import replace

from processors.fold.choices import Choices
from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.incident_notices import tell
from processors.fold.on_call import OnCallRotations
from processors.fold.partition_time import counts_at
from processors.fold.repeats import pass_repeats, repeat_due
from processors.fold.status_transition import HasStatus, Subject
from processors.fold.view import View
from schemas.base import Micros
from schemas.definitions import Check
from schemas.escalations import (
    MINUTE,
    MOST_TOLD,
    Escalating,
    EscalationCopy,
    EscalationDefined,
    EscalationPolicy,
    EscalationRemoved,
    Step,
    escalation_key,
    fault_of,
    is_same_or_less,
    minutes_before,
)
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.topics import DELIVERIES

# A step that is passed later than that was held up, and so are those after it.
LATE: Micros = MINUTE


PolicyEvent = EscalationDefined | EscalationRemoved


class EscalationPolicies:
    """The own copies of the policies in a partition, by project: an index that follows the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.rotations, self.choices = OnCallRotations(view), Choices(view)
        # Each with the set of what it names, which may be much.
        self._known: dict[str, dict[str, tuple[EscalationCopy, frozenset[str]]]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: object, new: object) -> None:
        if isinstance(old, EscalationCopy):
            self._known[old.policy.project].pop(key, None)
        if isinstance(new, EscalationCopy):
            self._known.setdefault(new.policy.project, {})[key] = new, frozenset(new.policy.things)

    def of(self, project: str, thing: str) -> EscalationCopy | None:
        """The policy for a thing: the oldest that names it, else the oldest that names none."""
        copies = self._known.get(project)
        if not copies:
            return None
        fitting = [copy for copy, things in copies.values() if not things or thing in things]
        return min(fitting, key=_precedence, default=None)

    def heard(self, event: PolicyEvent, context: Context, escalating: Iterable[tuple[str, str]]) -> list[str]:
        """Take a policy that was made, changed or removed. Raises `InvalidEvent`.

        escalating: the things with an open escalation, and the project of each. Given back are those of them for which
        another policy counts from now on, or one that is otherwise. A dead letter that is put back counts for a policy
        that is known, unless a newer version of it is.
        """
        id = event.id if isinstance(event, EscalationRemoved) else event.policy.id
        if context.key != id:
            raise InvalidEvent("the key of an escalation policy must be its id")
        known = self._view.get(escalation_key(id))
        copy = known if isinstance(known, EscalationCopy) else None
        # Without a copy nothing tells whether the policy has been removed since a dead letter was written.
        if copy is None and (context.retried or isinstance(event, EscalationRemoved)):
            return []
        policy = event.policy if isinstance(event, EscalationDefined) else copy.policy if copy is not None else None
        assert policy is not None
        things = sorted(thing for thing, project in escalating if project == policy.project)
        before = [self._identity(policy.project, thing) for thing in things]
        if isinstance(event, EscalationRemoved):
            self._view.delete(escalation_key(id))
        else:
            self._define(policy, copy, counts_at(self._view, event.at))
        after = [self._identity(policy.project, thing) for thing in things]
        return [thing for thing, was, now in zip(things, before, after, strict=True) if was != now]

    def _define(self, policy: EscalationPolicy, known: EscalationCopy | None, since: Micros) -> None:
        if fault := fault_of(policy.steps):
            raise InvalidEvent(fault)
        if known is not None:
            if known.policy.version >= policy.version:
                return
            if is_same_or_less(known.policy, policy):
                since = known.since
        self._view.put(escalation_key(policy.id), EscalationCopy(policy=policy, since=since))

    def _identity(self, project: str, thing: str) -> tuple[str, Micros]:
        copy = self.of(project, thing)
        return ("", 0) if copy is None else (copy.policy.id, copy.since)


def _precedence(copy: EscalationCopy) -> tuple[bool, Micros, str]:
    policy = copy.policy
    return not policy.things, policy.created, policy.id


def told_now(state: HasStatus, at: Micros) -> None:
    """People are told, or told again, that the thing is down: from now on it counts."""
    known = state.escalation
    if known is None:
        state.escalation = Escalating(last=at, began=at)
    else:
        state.escalation = replace(known, last=max(known.last, at), began=at, repeated=0)


def told_first(state: HasStatus, at: Micros) -> None:
    """People are told only now that the thing is down. A snooze that is over by then has no notice of its own."""
    said = state.acknowledged
    if said is not None and said.until is not None and said.until <= at:
        state.acknowledged = None
    told_now(state, at)


def begin_anew(state: HasStatus, at: Micros) -> None:
    """Another policy counts for what people know to be down, or one that is otherwise: its first step comes next."""
    known = state.escalation or Escalating(last=at, began=at)
    state.escalation = replace(known, last=max(known.last, at), policy="", since=0, passed=0)


def is_told(state: HasStatus, held_back: bool = False) -> bool:
    """Whether people were told that the thing is down, be it by a version that did not note when.

    held_back: the notice waits for what the thing depends on.
    """
    return state.incident is not None and not (state.silenced or held_back)


def escalation_due(state: HasStatus, thing: Monitor | Check, policies: EscalationPolicies) -> Micros | None:
    """When the next step is due, a channel is to be told again, or a snooze ends; None: nothing of it. Not asked while
    nobody is to be told."""
    if state.escalation is None or state.muted:
        return None
    if state.acknowledged is not None:
        return state.acknowledged.until
    step = _step_due(state.escalation, policies.of(thing.project, thing.id))
    again = repeat_due(state.escalation, thing.channels, policies.choices)
    return min((due for due in (step, again) if due is not None), default=None)


def _step_due(stands: Escalating, copy: EscalationCopy | None) -> Micros | None:
    if copy is None:
        return None
    stands = _under(stands, copy)
    minutes = minutes_before(copy.policy, stands.passed)
    return None if minutes is None else stands.last + minutes * MINUTE


def escalate(
    state: HasStatus,
    subject: Subject,
    policies: EscalationPolicies,
    n: int,
    time: Micros,
    data: Callable[[], dict[str, Any]],
) -> list[Effect]:
    """Something was due (`escalation_due`): the caller's own copy of the state is moved, and people are told.

    n: number of the change that took the thing down. data: that of a notice of it.
    """
    assert state.escalation is not None
    if (said := state.acknowledged) is not None:
        state.acknowledged = None
        told_now(state, time)
        id = derived_id(subject.id, "snooze over", n, said.until or time)
        return tell(state, subject, id, "monitor.down", data(), at=said.until or time, time=time)
    if not state.escalation.began:  # a version that knew of no repeats has opened it
        state.escalation = replace(state.escalation, began=state.escalation.last)
    effects: list[Effect] = []
    copy = policies.of(subject.project, subject.id)
    if copy is not None and (due := _step_due(state.escalation, copy)) is not None and due <= time:
        effects = _take_steps(state, subject, policies, copy, n, time, data)
    told = {effect.key for effect in effects if effect.topic is DELIVERIES}
    return effects + _repeat(state, subject, policies.choices, n, time, data, told)


def _repeat(
    state: HasStatus,
    subject: Subject,
    choices: Choices,
    n: int,
    time: Micros,
    data: Callable[[], dict[str, Any]],
    told: AbstractSet[str],
) -> list[Effect]:
    """Tell those channels again whose time has come, but for those that were just told."""
    assert state.escalation is not None
    called = state.escalation.told
    state.escalation, again, at = pass_repeats(state.escalation, subject.channels, choices, time, told)
    effects: list[Effect] = []
    for minutes in sorted(set(again.values())):
        channels = [channel for channel in again if again[channel] == minutes]
        own = subject._replace(channels=tuple(each for each in channels if each not in called))
        others = tuple(each for each in channels if each in called)
        id, more = derived_id(subject.id, "repeat", n, minutes, at), {"repeat": {"after_minutes": minutes}}
        effects += tell(state, own, id, "monitor.down", data(), at=at, time=time, called=others, more=more)
    return effects


def _take_steps(
    state: HasStatus,
    subject: Subject,
    policies: EscalationPolicies,
    copy: EscalationCopy,
    n: int,
    time: Micros,
    data: Callable[[], dict[str, Any]],
) -> list[Effect]:
    assert state.escalation is not None
    stands, steps = _passed(_under(state.escalation, copy), copy.policy, time)
    duties = [(step, policies.rotations.channels(step.on_call, time)) for step in steps]
    named = tuple(dict.fromkeys(channel for step, duty in duties for channel in (*step.channels, *duty)))
    deserted = [step for step, duty in duties if step.on_call and not duty]
    to_own = any(step.own for step in steps) or any(not step.channels for step in deserted)
    own = tuple(each for each in subject.channels if each not in named) if to_own else ()
    called = tuple(each for each in named if each not in stands.told)
    state.escalation = replace(stands, told=(*stands.told, *called)[-MOST_TOLD:])
    if not named and not own:
        return []
    at = min(stands.last, time)
    id = derived_id(subject.id, "escalation", n, copy.policy.id, stands.last, stands.passed)
    step: dict[str, Any] = {"policy": copy.policy.name, "step": (stands.passed - 1) % len(copy.policy.steps) + 1}
    step |= {"round": (stands.passed - 1) // len(copy.policy.steps) + 1}
    if deserted:
        step["nobody_on_call"] = policies.rotations.names(dict.fromkeys(id for each in deserted for id in each.on_call))
    own_channels = subject._replace(channels=own)
    return tell(
        state, own_channels, id, "monitor.down", data(), at=at, time=time, called=named, more={"escalation": step}
    )


def _under(stands: Escalating, copy: EscalationCopy) -> Escalating:
    """Where it stands under a policy, which may be another one than it was under."""
    if (stands.policy, stands.since) == (copy.policy.id, copy.since):
        return stands
    return replace(stands, policy=copy.policy.id, since=copy.since, passed=0)


def _passed(stands: Escalating, policy: EscalationPolicy, time: Micros) -> tuple[Escalating, list[Step]]:
    """Pass every step that is due; the steps that were passed, each once."""
    count, passed, last = len(policy.steps), stands.passed, stands.last
    # All but the last of the rounds that are due pass unseen: who is told by them is told by that one.
    round_time = policy.steps[-1].after * MINUTE
    rounds = max(0, (time - last) // round_time - 1)
    if policy.repeat is not None:
        rounds = min(rounds, max(0, (count * (policy.repeat + 1) - passed - count) // count))
    passed, last = passed + rounds * count, last + rounds * round_time
    places: dict[int, None] = {}
    while (minutes := minutes_before(policy, passed)) is not None and last + minutes * MINUTE <= time:
        places[passed % count] = None
        passed, last = passed + 1, last + minutes * MINUTE
    if time - last > LATE:
        last = time
    return replace(stands, passed=passed, last=last), [policy.steps[place] for place in places]


def correct(state: HasStatus, time: Micros) -> None:
    """The partition's time is taken back to `time`."""
    if (stands := state.escalation) is not None:
        times = {name: min(getattr(stands, name), time) for name in ("last", "began", "repeated")}
        state.escalation = replace(stands, **times)
