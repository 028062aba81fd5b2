"""From the first failing result of a monitor to the moment at which the receiver has the `incident.created` webhook.

Results are appended as a prober appends them, acks=all, by one producer that is open already; no prober runs, so that
nothing else is measured. Each trial is another monitor, which wants no confirmation. Both moments are taken on the same
clock: before the result is handed to the producer, and when the receiver, a process of its own, has the body.
"""

import asyncio
import random
import time
from typing import Annotated, Any

import msgspec
import typer

from bench.processes import NotInTime
from bench.receiver import receiver
from bench.report import Report, percentile, say, spread
from bench.stack import Stack, pingfold
from infra.log.reading import read_to_end
from infra.log.sink import Sink
from schemas.base import Micros, encode
from schemas.monitor_states import MonitorState, MonitorStatesRecord
from schemas.probes import ProbeCompleted
from schemas.topics import MONITOR_STATES, PROBE_RESULTS

_LONGEST_SECONDS = 30.0
_SETTLE_SECONDS = 5.0
# The moment of its definition is a monitor's first slot; the next one lies far enough away.
_INTERVAL = 3_600

_record = msgspec.json.Decoder(MonitorStatesRecord).decode


def fail_to_incident(trials: Annotated[int, typer.Option(help="How many incidents.")] = 100) -> None:
    """Milliseconds from a failing result to the webhook."""
    report = Report("fail_to_incident", {"trials": trials})
    with receiver() as receives, pingfold(None, PINGFOLD_PROBERS="0") as stack:
        target = receives.fast("fail")
        channel = stack.channel(target, "incident.created")
        whole = asyncio.run(_measure(stack, receives, target, channel, trials))
    ordered = sorted(whole)
    report.measured |= {"webhook_ms": spread(whole)}
    report.ask("median ms", round(percentile(ordered, 0.5), 1), "<=", 60)
    report.publish()


async def _measure(stack: Stack, receives: Any, target: str, channel: str, trials: int) -> list[float]:
    sink = Sink(stack.credentials.cluster)
    wanted = {"interval_seconds": _INTERVAL, "confirmations": 1, "alert_channel_ids": [channel]}
    ids = make_monitors(stack, trials, url="http://127.0.0.1/", **wanted)
    await asyncio.sleep(_SETTLE_SECONDS)
    begun = _first_slots(stack)
    whole: list[float] = []
    for number, id in enumerate(ids, 1):
        result = ProbeCompleted(
            slot=begun[id],
            region="local",
            at=time.time_ns() // 1_000,
            took=1_000,
            ok=False,
            failure="status",
            detail="500",
        )
        value = encode(result)
        began = time.time()
        await sink.put(PROBE_RESULTS, id, value)
        arrivals = receives.arrived(target, number, _LONGEST_SECONDS)
        if len(arrivals) != number or arrivals[-1].check != id:
            raise NotInTime(f"trial {number}: no webhook within {_LONGEST_SECONDS:.0f} s, or that of another monitor")
        whole.append((arrivals[-1].at - began) * 1e3)
        if number % 20 == 0:
            say(f"{number} trials: {spread(whole)}")
        await asyncio.sleep(random.uniform(0.1, 0.5))
    await sink.close()
    return whole


def _first_slots(stack: Stack) -> dict[str, Micros]:
    records = read_to_end(stack.credentials.cluster, MONITOR_STATES)
    states = ((record.key, _record(record.value)) for record in records if record.value is not None)
    return {(key or b"").decode(): state.begun for key, state in states if isinstance(state, MonitorState)}


def make_monitors(stack: Stack, count: int, **fields: Any) -> list[str]:
    """Make monitors over the API; their ids."""
    headers = {"Authorization": f"Bearer {stack.credentials.poppaping_key}"}
    ids = []
    for number in range(count):
        answer = stack.http.post("/api/v1/monitors", headers=headers, json={"name": f"bench {number}"} | fields)
        answer.raise_for_status()
        ids.append(str(answer.json()["data"]["id"]))
    return ids
