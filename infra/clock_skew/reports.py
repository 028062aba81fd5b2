"""The clock skew that all roles report, and the faults of time that follow from it, for `/readyz`, metrics and logs.

A role that appends events measures its clock against Kafka's (`infra.log.skew`) and reports the result in heartbeats
(`infra.clock_skew.watch`). A skew above `WORTH_TELLING` is a warning: everything works, with times that are wrong by as
much. Above `CLOCK_BOUND` what the process dates does not count, which is a problem.
"""

import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from infra.log.progress import FoldProgress
from schemas.base import SECOND, Micros
from schemas.ticks import CLOCK_BOUND, Heartbeat

WORTH_TELLING: Micros = 2 * SECOND
# A role tells of its clock so often, and is forgotten when it has not been heard of for so long.
TELL_SECONDS = 30.0
FORGOTTEN_SECONDS = 100.0

_SET_IT = "set the clock of its host right (NTP), or that of the broker if every role reports this"
_LOST = {
    "web": "its ticks do not count, and what is due meanwhile becomes not observed",
    "ticker": "monitors and deliveries are judged late",
    "prober": "it probes nothing, and its monitors become not observed unless other probers have them",
    "worker": "attempts of deliveries are dated wrong",
    "api": "changes are dated wrong",
}

_decode = msgspec.json.Decoder(Heartbeat).decode


class Level(IntEnum):
    """How wrong a clock is."""

    FINE = 0
    OFF = 1
    WRONG = 2


def level_of(skew: Micros | None) -> Level:
    """What a measured skew means; one that is not known means nothing."""
    if skew is None or abs(skew) <= WORTH_TELLING:
        return Level.FINE
    return Level.OFF if abs(skew) <= CLOCK_BOUND else Level.WRONG


def may_probe(skew: Micros | None) -> bool:
    """Whether what a prober with that skew finds counts for anything."""
    return level_of(skew) is not Level.WRONG


class Fault(NamedTuple):
    """Something wrong with a clock or with the time. grave: it keeps Pingfold from its work."""

    part: str
    what: str
    do: str
    grave: bool


def clock_fault(role: str, name: str, skew: Micros) -> Fault | None:
    """What is wrong with the clock of a process of that role, if anything."""
    level = level_of(skew)
    if level is Level.FINE:
        return None
    where = "ahead of" if skew > 0 else "behind"
    means = _LOST.get(role, "its times are wrong") if level is Level.WRONG else "what it dates is off by as much"
    what = f"is {abs(skew) / SECOND:.1f} s {where} Kafka's clock: {means}"
    return Fault(f"clock of {name}", what, _SET_IT, level is Level.WRONG)


class _Heard(NamedTuple):
    beat: Heartbeat
    at: float  # by the monotonic clock


class ClockReports:
    """What every role has told of its clock. Fed by a replica's thread, read by the event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._heard: dict[tuple[str, str], _Heard] = {}

    def listen(self, then: Callable[[int, str, bytes | None], None]) -> Callable[[int, str, bytes | None], None]:
        """What a replica of the topic of heartbeats is to call; everything is handed on to `then`."""

        def apply(partition: int, key: str, value: bytes | None) -> None:
            if value is not None:
                self._hear(_decode(value))
            then(partition, key, value)

        return apply

    def _hear(self, beat: Heartbeat) -> None:
        who = beat.role, beat.slot
        if beat.closing:
            self._heard.pop(who, None)
        elif beat.skew is not None:
            self._heard[who] = _Heard(beat, self._monotonic())

    def begin(self, real: Micros) -> None:
        """All that was there has been heard; what is old tells nothing. `real`: the system's time."""
        now = self._monotonic()
        for who, (beat, _) in self._heard.copy().items():
            told = beat.now - beat.offset - (beat.skew or 0)
            self._heard[who] = _Heard(beat, now - max(0, real - told) / SECOND)

    def __iter__(self) -> Iterator[tuple[str, str, Micros]]:
        """The role, name and skew of every process that has told of its clock lately."""
        now = self._monotonic()
        for (role, name), (beat, at) in sorted(self._heard.copy().items()):
            if now - at <= FORGOTTEN_SECONDS:
                yield role, name, beat.skew or 0

    def skew_of(self, slot: str) -> Micros | None:
        """The skew of whoever ticks under that slot, None if it is not known; the ticker's slot is its role."""
        known = [skew for role, name, skew in self if slot in (name, role)]
        return max(known, key=abs, default=None)

    def faults(self) -> list[Fault]:
        found = (clock_fault(role, name, skew) for role, name, skew in self)
        return [fault for fault in found if fault is not None]


def time_faults(progress: FoldProgress, clocks: ClockReports, now: Micros) -> list[Fault]:
    """What is wrong with the time of partitions: where it has run ahead of `now`, and whose ticks are refused."""
    faults = []
    if ahead := progress.ahead(now, CLOCK_BOUND):
        furthest = max(by for _, _, by in ahead)
        what = f"the time of {_places([place[:2] for place in ahead])} is up to {furthest // SECOND} s ahead"
        do = "no deadline passes there until then; set Kafka's clock right, then run `pingfold time mend`"
        faults.append(Fault("time", what, do, True))
    refused: dict[str, list[tuple[str, int, Micros]]] = {}
    for journal, partition, slot, by in progress.refused():
        refused.setdefault(slot, []).append((journal, partition, by))
    return faults + [_refusal(slot, places, clocks.skew_of(slot)) for slot, places in sorted(refused.items())]


def _refusal(slot: str, places: list[tuple[str, int, Micros]], skew: Micros | None) -> Fault:
    """Ticks that do not count: whether their clock is wrong, or they waited for a broker, their skew tells."""
    furthest = max((by for _, _, by in places), key=abs)
    where, seconds = _places([place[:2] for place in places]), abs(furthest) // SECOND
    if furthest > 0:
        what = f"ticks of {slot} do not count, which are {seconds} s ahead of Kafka's clock, in {where}"
        return Fault("time", what, _SET_IT, True)
    if level_of(skew) is not Level.WRONG and skew is not None:
        what = f"ticks of {slot} did not count, which Kafka took {seconds} s late, in {where}; its clock is right"
        do = "look for what kept Kafka (an outage, overload); what was due meanwhile becomes not observed"
        return Fault("time", what, do, False)
    what = f"ticks of {slot} do not count, which are {seconds} s behind Kafka's clock, in {where}"
    do = _SET_IT if skew is not None else f"if Kafka was away, this passes by itself; else {_SET_IT}"
    return Fault("time", what, do, True)


def _places(places: list[tuple[str, int]]) -> str:
    (journal, partition), more = places[0], len(places) - 1
    return f"{journal}/{partition}" + (f" and {more} other partition{'s' * (more > 1)}" if more else "")
