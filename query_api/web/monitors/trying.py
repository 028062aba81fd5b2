"""What the form of a monitor shows of a try: one probe of what stands in it, before anything is saved. Pure.

The button sends the form as it stands; the PoppaPing API makes the probe (`query_api.poppaping.trying`). What is shown
is what the probe came to, never what was sent.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from query_api.poppaping.monitor_fields import UpdateMonitorBody
from query_api.web.forms.form_state import Shape
from query_api.web.forms.saving import Sent
from query_api.web.shown.sentences import clause
from query_api.web.shown.shown_times import ShownTimes
from schemas.times import read_iso

# The name of the button.
TRY = "try"
_WORDS = {"up": "Up", "down": "Down", "unknown": "Nothing can be said"}
_LOOKS = {"up": "up", "down": "down", "unknown": "none"}
_PHASES = (
    ("redirects_ms", "redirects"),
    ("lookup_ms", "name lookup"),
    ("connect_ms", "connect"),
    ("tls_ms", "TLS"),
    ("first_byte_ms", "first byte"),
)


class TryShown(NamedTuple):
    """look, word: of the badge. facts: (name, value) of what was seen."""

    look: str
    word: str
    sentence: str
    facts: list[tuple[str, str]]


def tried_body(shape: Shape) -> Shape:
    """The body of a try of what fields say: of those only what a probe hangs on counts, so none needs to be there."""

    def body(values: dict[str, Any]) -> dict[str, Any]:
        known = UpdateMonitorBody.__struct_fields__
        return {name: value for name, value in shape(values).items() if name in known and (name != "name" or value)}

    return body


def try_shown(sent: Sent, times: ShownTimes) -> TryShown | None:
    """What a page shows of a try; None when it was refused."""
    if sent.answer is None or not sent.answer.is_made:
        return None
    told: dict[str, Any] = sent.answer.content["data"]
    return TryShown(_LOOKS[told["status"]], _WORDS[told["status"]], _sentence(told), list(_facts(told, times.at)))


def _sentence(told: dict[str, Any]) -> str:
    took = f"{told['response_time_ms']:g} ms"
    if told["error"]:
        return f"{clause(told['error'])}, after {took}"
    code = told["status_code"]
    return f"answered {code} in {took}" if code is not None else f"answered in {took}"


def _facts(told: dict[str, Any], at: Callable[[Any], Any]) -> Any:
    phases = [f"{words} {told['phases'][name]:g} ms" for name, words in _PHASES if told["phases"][name] is not None]
    if phases:
        yield "Of that", ", ".join(phases)
    if told["address"]:
        yield "Address", told["address"]
    if told["status_code"] is not None and told["error"]:
        yield "Status", str(told["status_code"])
    if told["redirected_to"]:
        yield "Redirected to", told["redirected_to"]
    if told["tls_expires_at"]:
        yield "The certificate expires", at(read_iso(told["tls_expires_at"]))
    for one in told["families"]:
        yield {"ipv4": "Over IPv4", "ipv6": "Over IPv6"}[one["family"]], f"{_WORDS[one['status']]}: {_sentence(one)}"
