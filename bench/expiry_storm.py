"""10,000 checks of one channel expire within the same second; how long after their deadlines the webhooks come.

Simple checks with a period and a grace of 60 s, on one channel that takes `monitor.down` only. All of them are pinged
(straight through Kafka) with times spread over one second, so their deadlines fill one second, two minutes later. The
test clock is moved on, so that nobody waits that long; the last of the time passes by itself. A webhook's delay counts
from the deadline of its own check, in the moved time, to the moment at which the receiver, a process of its own, has
read the body. The `timestamp` in each body must be that deadline.
"""

import time
from datetime import datetime
from typing import Annotated

import typer

from bench.checks import make_checks, ping_events, produce, wait_folded
from bench.processes import NotInTime
from bench.receiver import Arrival, receiver
from bench.report import Report, say, spread
from bench.stack import Stack, pingfold
from schemas.base import SECOND, Micros
from schemas.topics import PINGS

_PERIOD = _GRACE = 60
_AHEAD_SECONDS = 20
# How long before the first deadline the clock stops being moved: what the step itself sets off must be over by then.
_BEFORE_SECONDS = 30.0
_LONGEST_SECONDS = 120.0


def expiry_storm(
    checks: Annotated[int, typer.Option(help="Checks that expire.")] = 10_000,
    url: Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there; waits two minutes.")] = None,
) -> None:
    """Seconds from their deadlines to the webhooks of many checks that expire at once."""
    report = Report("expiry_storm", {"checks": checks, "period": _PERIOD, "grace": _GRACE, "within_seconds": 1})
    with receiver() as receives, pingfold(url, PINGFOLD_TEST_CLOCK="1") as stack:
        target = receives.fast("storm")
        channel = stack.channel(target, "monitor.down")
        ids = make_checks(stack, checks, period=_PERIOD, grace=_GRACE, channels=channel)
        deadlines = _ping(stack, ids)
        first = min(deadlines.values()) / SECOND
        if stack.ours:
            stack.move_clock(first - time.time() - _BEFORE_SECONDS)
        first -= stack.offset  # on the real clock
        say(f"pinged; the first deadline is in {first - time.time():.1f} s")
        early = len(receives.arrived(target, 1, max(0.0, first - time.time() - 0.5)))
        arrivals = receives.arrived(target, checks, first - time.time() + _LONGEST_SECONDS)
    report.measured |= _delays(arrivals, deadlines, stack.offset)
    say(f"{len(arrivals)} webhooks; {report.measured}")
    if len({arrival.check for arrival in arrivals}) != checks:
        raise NotInTime(f"{len(arrivals)} webhooks for {checks} checks within {_LONGEST_SECONDS:.0f} s")
    report.measured |= {"before_their_deadline": early, "webhooks": len(arrivals)}
    report.ask("first s after its deadline", report.measured["first_s"], "<=", 1.5)
    report.ask("last s after its deadline", report.measured["last_s"], "<=", 10)
    report.publish()


def _ping(stack: Stack, ids: list[str]) -> dict[str, Micros]:
    """Ping all checks; the deadline of each.

    The pings are dated a little ahead, which is allowed, so that none is older than the time of its partition.
    """
    at = time.time_ns() // 1000 + _AHEAD_SECONDS * SECOND
    produce(stack.credentials.cluster, PINGS, ping_events(ids, at, SECOND))
    wait_folded(stack, "checks", PINGS)
    return {id: at + SECOND * number // len(ids) + (_PERIOD + _GRACE) * SECOND for number, id in enumerate(ids)}


def _delays(arrivals: list[Arrival], deadlines: dict[str, Micros], offset: float) -> dict[str, object]:
    wrong = [
        arrival
        for arrival in arrivals
        if datetime.fromisoformat(arrival.timestamp).timestamp() != deadlines[arrival.check] // SECOND
    ]
    if not arrivals or wrong:
        raise NotInTime(f"{len(arrivals)} webhooks, of which {len(wrong)} tell another deadline")
    delays = [arrival.at + offset - deadlines[arrival.check] / SECOND for arrival in arrivals]
    seconds = arrivals[-1].at - arrivals[0].at
    return {
        "first_s": round(delays[0], 3),
        "last_s": round(max(delays), 3),
        "delay_s": spread(delays, 3),
        "from_first_to_last_s": round(seconds, 3),
        "webhooks_per_second": round(len(arrivals) / max(seconds, 0.001), 1),
    }
