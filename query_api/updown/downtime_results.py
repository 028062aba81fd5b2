"""The results that decided a downtime, as updown shows requests. Pure.

`ipv4` and `ipv6` are null where that family was not asked. Headers are not kept, so none are shown.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct

from infra.egress.guard import public_or_empty
from query_api.history.deciding_results import DecidingResult
from query_api.updown.responses import UpdownTime, time
from query_api.updown.targets import without_credentials
from schemas.base import Micros
from schemas.monitors import Monitor
from schemas.probes import FamilyResult, Phases
from schemas.targets import HEAD_FIRST
from schemas.updown_checks import url_of

_ID_LENGTH = 24
_HTTP_VERSION = "1.1"

_Headers = Annotated[dict[str, str], Meta(description="They are not kept.")]


class UpdownResultTimings(Struct, kw_only=True, gc=False):
    """Milliseconds."""

    namelookup: float
    connection: float
    handshake: float
    response: float
    total: float


class UpdownAttempt(Struct, kw_only=True, gc=False):
    """A request to an address of one family."""

    status: str
    ip: str | None
    code: int | None
    timings: UpdownResultTimings
    received_headers: _Headers


class UpdownSent(Struct, kw_only=True, gc=False):
    """What was sent; null for what is no HTTP."""

    sent_at: UpdownTime
    http_method: str | None
    http_version: str | None
    sent_headers: _Headers
    node: str


class UpdownReceived(Struct, kw_only=True, gc=False):
    """What came back."""

    received_at: UpdownTime
    final_url: Annotated[str | None, Meta(description="Where redirects led.")]
    code: int | None
    ip: str | None
    received_headers: _Headers


class UpdownResult(Struct, kw_only=True, gc=False):
    """A request."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
    status: Annotated[str, Meta(description="`up` or `down`.")]
    details_url: str
    request: UpdownSent
    response: UpdownReceived
    ipv4: UpdownAttempt | None
    ipv6: UpdownAttempt | None


def result_objects(monitor: Monitor, results: Sequence[DecidingResult], details_url: str) -> list[UpdownResult]:
    """The requests that results of a monitor were."""
    return [_object(monitor, result, details_url) for result in results]


def _object(monitor: Monitor, result: DecidingResult, details_url: str) -> UpdownResult:
    is_http = monitor.kind == "http"
    attempts = {one.family: _attempt(one) for one in result.families}
    if not attempts and result.address:
        attempts["ipv6" if ":" in result.address else "ipv4"] = _attempt(result)
    return UpdownResult(
        id=_id(monitor.id, result),
        status=_status(result),
        details_url=details_url,
        request=UpdownSent(
            sent_at=str(time(result.at)),
            http_method=_method(monitor, result) if is_http else None,
            http_version=(result.http_version or _HTTP_VERSION) if is_http else None,
            sent_headers={},
            node=result.region,
        ),
        response=UpdownReceived(
            received_at=str(time(result.at + result.took)),
            final_url=without_credentials(result.url or url_of(monitor.kind, monitor.target)) if is_http else None,
            code=result.status,
            ip=_shown(result.address),
            received_headers={},
        ),
        ipv4=attempts.get("ipv4"),
        ipv6=attempts.get("ipv6"),
    )


def _method(monitor: Monitor, result: DecidingResult) -> str:
    """What was sent; results of before do not say so where the definition leaves it open."""
    method = monitor.target.method
    return result.method or ("GET" if method == HEAD_FIRST else method)


def _attempt(made: DecidingResult | FamilyResult) -> UpdownAttempt:
    return UpdownAttempt(
        status=_status(made),
        ip=_shown(made.address),
        code=made.status,
        timings=_timings(made.phases, made.took),
        received_headers={},
    )


def _status(made: DecidingResult | FamilyResult) -> str:
    return "up" if made.ok else "down"


def _shown(address: str) -> str | None:
    """Those of private networks are for the operator, who finds them in the journal."""
    return public_or_empty(address) or None


def _id(monitor: str, result: DecidingResult) -> str:
    """What identifies a result, as 24 hex digits."""
    named = f"result:{monitor}:{result.slot}:{result.confirm}:{result.region}"
    return sha256(named.encode()).hexdigest()[:_ID_LENGTH]


def _timings(phases: Phases, took: Micros) -> UpdownResultTimings:
    return UpdownResultTimings(
        namelookup=_ms(phases.lookup),
        connection=_ms(phases.connect),
        handshake=_ms(phases.tls),
        response=_ms(phases.first_byte),
        total=_ms(took),
    )


def _ms(took: Micros | None) -> float:
    return round((took or 0) / 1_000, 3)
