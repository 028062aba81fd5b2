"""An alert to a healthy receiver while ten others take ten seconds for each of theirs.

Every check has eleven channels: ten receivers that answer after 10 s, and one that answers at once. One check after
the other fails, so that ever more requests to the slow ones are open or wait; each time it is measured how long the
healthy one waited, from before `/fail` is sent. (A request is given up after 10 s, so the slow ones fail, too.)
"""

import time
from typing import Annotated

import typer

from bench.checks import make_checks, ping_events, produce, wait_folded
from bench.processes import NotInTime
from bench.receiver import receiver
from bench.report import Report, say, spread
from bench.stack import pingfold
from schemas.topics import PINGS

_LONGEST_SECONDS = 60.0


def slow_receivers(
    slow: Annotated[int, typer.Option(help="Receivers that are slow.")] = 10,
    seconds: Annotated[float, typer.Option(help="How long each of them takes.")] = 10.0,
    trials: Annotated[int, typer.Option(help="Checks that fail, one after the other.")] = 40,
    pause: Annotated[float, typer.Option(help="Seconds between them.")] = 0.25,
    url: Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there.")] = None,
) -> None:
    """Seconds until a healthy receiver has its alert beside slow ones."""
    report = Report("slow_receivers", {"slow": slow, "seconds": seconds, "trials": trials, "pause": pause})
    with receiver() as receives, pingfold(url) as stack:
        hanging = [receives.slow(str(number), seconds) for number in range(slow)]
        healthy = receives.fast("healthy")
        channels = [stack.channel(target, "monitor.down") for target in (*hanging, healthy)]
        ids = make_checks(stack, trials + 1, channels=",".join(channels))
        produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
        wait_folded(stack, "checks", PINGS)
        stack.http.get(f"/ping/{ids[0]}/fail").raise_for_status()
        for target in hanging:
            if not receives.arrived(target, 1, _LONGEST_SECONDS):
                raise NotInTime("a slow receiver was not asked")
        receives.arrived(healthy, 1, _LONGEST_SECONDS)
        say("every slow receiver is busy")
        took = []
        for number, id in enumerate(ids[1:], 2):
            began = time.time()
            stack.http.get(f"/ping/{id}/fail").raise_for_status()
            arrivals = receives.arrived(healthy, number, _LONGEST_SECONDS)
            if len(arrivals) < number:
                raise NotInTime(f"the healthy receiver had nothing within {_LONGEST_SECONDS:.0f} s")
            took.append(arrivals[-1].at - began)
            time.sleep(pause)
        asked = sum(len(receives.arrived(target, 0, 0.0)) for target in hanging)
    report.measured |= {"healthy_s": spread(took, 3), "requests_to_slow_receivers": asked}
    report.ask("longest s", round(max(took), 3), "<=", 0.5)
    report.publish()
