"""From the moment at which a client sends `/fail` to the moment at which the receiver has the webhook.

Each trial pings another check that is up (so the rate limit plays no part), over a connection that is open already, and
waits for its webhook; then a pause of random length, so that trials fall on no rhythm of ours. Nothing else happens.
Both moments are taken on the same clock of the same machine: before the request is written, and when the receiver, a
process of its own, has read the body.
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


def fail_to_webhook(
    trials: Annotated[int, typer.Option(help="How many alerts.")] = 100,
    url: Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there.")] = None,
) -> None:
    """Milliseconds from /fail to the webhook."""
    report = Report("fail_to_webhook", {"trials": trials})
    with receiver() as receives, pingfold(url) as stack:
        target = receives.fast("fail")
        ids = make_checks(stack, trials, channels=stack.channel(target, "monitor.down"))
        produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
        wait_folded(stack, "checks", PINGS)
        time.sleep(_SETTLE_SECONDS)
        whole, answered = [], []
        for number, id in enumerate(ids, 1):
            began = time.time()
            stack.http.get(f"/ping/{id}/fail").raise_for_status()
            answered.append((time.time() - began) * 1e3)
            arrivals = receives.arrived(target, number, _LONGEST_SECONDS)
            if len(arrivals) != number or arrivals[-1].check != id:
                raise NotInTime(f"trial {number}: no webhook within {_LONGEST_SECONDS:.0f} s, or that of another check")
            whole.append((arrivals[-1].at - began) * 1e3)
            if number % 20 == 0:
                say(f"{number} trials: {spread(whole)}")
            time.sleep(random.uniform(0.1, 0.5))
    ordered = sorted(whole)
    report.measured |= {"webhook_ms": spread(whole), "ping_answered_ms": spread(answered)}
    report.ask("median ms", round(percentile(ordered, 0.5), 1), "<=", 60)
    report.ask("p99 ms", round(percentile(ordered, 0.99), 1), "<=", 250)
    report.publish()
