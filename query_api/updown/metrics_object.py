"""Metrics as the updown API shows them: from figures of response times and a threshold. Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.history.response_times import Figures
from query_api.http.field_types import Count
from schemas.base import Micros
from schemas.response_times import EDGES_MS, apdex, within

_ALWAYS_SHOWN = 4_000

Score = Annotated[float | None, Meta(description="From 0 to 1; null without a sample.")]


class UpdownTimings(Struct, kw_only=True, gc=False):
    """Means of the answers that were well, in milliseconds; null without any."""

    redirect: Annotated[Count | None, Meta(description="All that came before the last connection.")]
    namelookup: Count | None
    connection: Count | None
    handshake: Count | None
    response: Annotated[Count | None, Meta(description="From the request to the first byte of the answer.")]
    total: Annotated[Count | None, Meta(description="The sum of the others.")]


class UpdownRequests(Struct, kw_only=True, gc=False):
    """Numbers of requests."""

    samples: Count
    failures: Count
    satisfied: Annotated[Count, Meta(description="Responses within the threshold.")]
    tolerated: Annotated[Count, Meta(description="Responses within four times the threshold, but above it.")]
    by_response_time: Annotated[
        dict[str, int], Meta(description="`under125` to `under4000`, and on to four times the threshold.")
    ]


class UpdownHost(Struct, kw_only=True, gc=False):
    """A node; null is not known."""

    ip: str | None
    city: str | None
    country: str | None
    country_code: str | None


class UpdownMetrics(Struct, kw_only=True, gc=False):
    """Metrics of a time, or of a node in a time."""

    uptime: Annotated[float, Meta(description="In per cent: by time; of a node, by its samples.")]
    apdex: Score
    timings: UpdownTimings
    requests: UpdownRequests
    host: UpdownHost | UnsetType = UNSET


class UpdownRecentMetrics(Struct, kw_only=True, gc=False):
    """Metrics of the last hour, as they stand in a check."""

    apdex: Score
    timings: UpdownTimings


def metrics_object(figures: Figures, threshold: int, uptime: float) -> UpdownMetrics:
    """threshold: of Apdex, in milliseconds."""
    score = apdex(figures.samples, figures.times, threshold)
    shown_until = max(_ALWAYS_SHOWN, 4 * threshold)
    return UpdownMetrics(
        uptime=uptime,
        apdex=score.score,
        timings=_timings(figures),
        requests=UpdownRequests(
            samples=figures.samples,
            failures=figures.failures,
            satisfied=score.satisfied,
            tolerated=score.tolerated,
            by_response_time={f"under{edge}": within(figures.times, edge) for edge in EDGES_MS if edge <= shown_until},
        ),
    )


def _timings(figures: Figures) -> UpdownTimings:
    phases = (figures.redirect, figures.lookup, figures.connect, figures.tls, figures.first_byte)
    redirect, lookup, connect, tls, response, total = (_mean(spent, figures.well) for spent in (*phases, sum(phases)))
    return UpdownTimings(
        redirect=redirect, namelookup=lookup, connection=connect, handshake=tls, response=response, total=total
    )


def _mean(spent: Micros, many: int) -> int | None:
    """Milliseconds."""
    return (spent + many * 500) // (many * 1_000) if many else None


def recent_metrics_object(figures: Figures, threshold: int) -> UpdownRecentMetrics:
    """The same of the last hour."""
    return UpdownRecentMetrics(apdex=apdex(figures.samples, figures.times, threshold).score, timings=_timings(figures))
