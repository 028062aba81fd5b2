"""How fast an event of updown.io's Push API reaches its receiver, beside a webhook of PoppaPing's form in the same run.

Trials of both take turns: each sends `/fail` for another check that is up, over a connection that is open already, and
waits for what its channel gets; then a pause of random length. Both moments are taken as in `fail_to_webhook`. What is
asked is the ratio of the medians: a push event holds more, and nobody should have to wait for that.
"""

import random
import time
from typing import Annotated

import typer

from bench.checks import make_checks, ping_events, produce, wait_folded
from bench.processes import NotInTime
from bench.receiver import receiver
from bench.report import Report, percentile, say, spread
from bench.stack import pingfold
from schemas.topics import PINGS

_LONGEST_SECONDS = 30.0
_SETTLE_SECONDS = 10.0
_KINDS = ("webhook", "updown")


def push(
    trials: Annotated[int, typer.Option(help="How many alerts of each kind.")] = 100,
    url: Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there.")] = None,
) -> None:
    """Milliseconds from /fail to a push event, against those to a webhook."""
    report = Report("push", {"trials": trials})
    with receiver() as receives, pingfold(url) as stack:
        targets = {kind: receives.fast(kind) for kind in _KINDS}
        ids = {
            kind: make_checks(stack, trials, channels=stack.channel(targets[kind], "monitor.down", kind=kind))
            for kind in _KINDS
        }
        every = [id for kind in _KINDS for id in ids[kind]]
        produce(stack.credentials.cluster, PINGS, ping_events(every, time.time_ns() // 1000))
        wait_folded(stack, "checks", PINGS)
        time.sleep(_SETTLE_SECONDS)
        took: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        for number in range(trials):
            for kind in random.sample(_KINDS, len(_KINDS)):
                began = time.time()
                stack.http.get(f"/ping/{ids[kind][number]}/fail").raise_for_status()
                arrivals = receives.arrived(targets[kind], number + 1, _LONGEST_SECONDS)
                if len(arrivals) != number + 1:
                    raise NotInTime(f"trial {number + 1}: nothing came to {kind} within {_LONGEST_SECONDS:.0f} s")
                took[kind].append((arrivals[-1].at - began) * 1e3)
                time.sleep(random.uniform(0.05, 0.25))
            if (number + 1) % 20 == 0:
                say(f"{number + 1} trials: {', '.join(f'{kind} {spread(took[kind])}' for kind in _KINDS)}")
    medians = {kind: percentile(sorted(took[kind]), 0.5) for kind in _KINDS}
    report.measured |= {f"{kind}_ms": spread(took[kind]) for kind in _KINDS}
    report.ask("median of push events / of webhooks", round(medians["updown"] / medians["webhook"], 2), "<=", 1.3)
    report.publish()
