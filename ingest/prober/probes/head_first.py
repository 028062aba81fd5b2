"""HEAD where it is enough, which spares target and prober the body; GET where it is not.

- While a monitor's verb is not known, GET decides, and when the target is well HEAD is sent, too: another status, or
  none, pins GET. What was found goes into the result, and the fold keeps it (`MonitorState.verb`). A prober remembers
  nothing, so all probers of a monitor do the same, now and after a restart.
- Where HEAD is enough, GET follows an answer that HEAD is not allowed (405) or not known (501).
- A keyword needs the body: always GET.
"""

import time
from collections.abc import Awaitable, Callable

from ingest.prober.probes.outcome import ProbeFailed, Trace
from schemas.targets import Verb

# Answers that say something of HEAD and nothing of the target.
_NOT_HEAD = (405, 501)

# Sends requests of a method, as `run` of a kind of probe does, and notes in the trace what comes of it.
Ask = Callable[[Verb, Trace], Awaitable[None]]


async def run_head_first(ask: Ask, needs_body: bool, trace: Trace) -> None:
    """Returns when the target is well; raises `ProbeFailed` when it is not. The time limit is the caller's."""
    if needs_body or trace.verb == "GET":
        await _ask(ask, "GET", trace)
    elif trace.verb == "HEAD":
        await _head_then_get(ask, trace)
    else:
        await _ask(ask, "GET", trace)
        trace.decided = time.perf_counter_ns()
        trace.compared = "GET"  # what holds if no answer to HEAD comes in time
        trace.compared = await _enough(ask, trace)


async def _ask(ask: Ask, method: Verb, trace: Trace) -> None:
    trace.method = method
    await ask(method, trace)


async def _head_then_get(ask: Ask, trace: Trace) -> None:
    try:
        await _ask(ask, "HEAD", trace)
    except ProbeFailed as failed:
        if failed.failure != "status" or trace.status not in _NOT_HEAD:
            raise
        trace.again()
        await _ask(ask, "GET", trace)


async def _enough(ask: Ask, found: Trace) -> Verb:
    """What is enough for a target that GET found well; "" when this host could not ask."""
    head = Trace()
    try:
        await ask("HEAD", head)
    except ProbeFailed as failed:
        if failed.failure == "prober_error":
            return ""
    except OSError:
        return "GET"
    return "HEAD" if head.status == found.status else "GET"
