"""Which output of a job a notice tells: that of the ping that failed, or else of the newest start or log ping. Pure.

Kept is one bounded text for each check, from a ping with a body until the next success. A failure without a body of its
own tells what its run said before; never what another run said. While a check is down only a failure tells anew: what
a later run says at its start is not why the check is down.
"""

from typing import Any

from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.outputs import Output, output_of
from schemas.pings import Kind, Ping
from schemas.times import iso


def note_output(state: CheckState, ping: Ping, kind: Kind, at: Micros) -> None:
    """A ping counts that is no success."""
    if state.status == "down" and kind != "fail":
        return
    output = output_of(ping, kind, at)
    if output is not None:
        state.output = output
    elif kind == "fail":
        keep_output_of(state, ping.rid)


def keep_output_of(state: CheckState, rid: str | None) -> None:
    """A run has failed: what another one said does not tell why."""
    if state.output is not None and state.output.rid != rid:
        state.output = None


def output_data(output: Output) -> dict[str, Any]:
    """What a notice says of an output (docs/compatibility/poppaping.md, "Webhooks"); the text as it came."""
    text = output.head
    if output.left_out:
        text = f"{text}\n[... {output.left_out} left out ...]\n{output.tail}"
    return {
        "text": text,
        "kind": output.kind,
        "received_at": iso(output.at),
        "exit_status": output.exitstatus,
        "rid": output.rid,
        "left_out": output.left_out,
    }
