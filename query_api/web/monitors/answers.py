"""How fast a target answered, as its page shows it: by phase over time, and by region. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from markupsafe import Markup

from query_api.history.response_times import Figures, Place
from query_api.web.shown.plots import stacks
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.time_range import TimeRange
from schemas.base import SECOND
from schemas.response_times import EDGES_MS

PHASES = ("redirects", "name lookup", "connect", "TLS", "first byte")
_HOUR, _DAY = 3_600, 86_400
_SHARES = (50, 95, 99)
# So many regions have a plot of their own.
_MOST_REGIONS = 12


class Answers(NamedTuple):
    """plots: of all regions together and of each, with its title. regions: rows of a table. phases: names, for the
    legend."""

    plots: list[tuple[str, Markup]]
    regions: list[dict[str, Any]]
    phases: tuple[str, ...] = PHASES


def answers(figures: Mapping[Place, Figures], wanted: TimeRange, times: ShownTimes) -> Answers:
    """What stands for a range."""
    by_region: dict[str, dict[Place, Figures]] = {}
    for place, some in figures.items():
        by_region.setdefault(place.region, {})[place] = some
    regions = sorted(by_region)
    rows = [_region(region, _sum(by_region[region].values())) for region in regions]
    plots = []
    if figures:
        every = "All regions" if len(regions) > 1 else regions[0]
        plots.append((every, _plot(every, figures, wanted, times)))
    if len(regions) > 1:
        rows.insert(0, _region("all", _sum(figures.values())))
        plots += [(one, _plot(one, by_region[one], wanted, times)) for one in regions[:_MOST_REGIONS]]
    return Answers(plots, rows)


def phases_ms(figures: Figures) -> tuple[float, ...]:
    """How long each phase took on average, milliseconds, of the probes that were well."""
    well = max(1, figures.well)
    sums = (figures.redirect, figures.lookup, figures.connect, figures.tls, figures.first_byte)
    return tuple(each / well / 1_000 for each in sums)


def within_words(times: Sequence[int]) -> list[str]:
    """Within what the shares of the answers came, by the edges of the histogram: `95 % within 250 ms`. Of shares with
    the same edge only the one that says most stands."""
    reached = list(accumulate(times))
    if not reached or not reached[-1]:
        return []
    edges = [(share, bisect_left(reached, -(-share * reached[-1] // 100))) for share in _SHARES]
    within = {number: share for share, number in edges if number < len(EDGES_MS)}
    slower = [100 - share for share, number in edges if number == len(EDGES_MS)]
    found = [f"{share} % within {EDGES_MS[number]} ms" for number, share in within.items()]
    return found + [f"more than {share} % slower than {EDGES_MS[-1]} ms" for share in slower[:1]]


def _plot(title: str, figures: Mapping[Place, Figures], wanted: TimeRange, times: ShownTimes) -> Markup:
    step = _DAY if wanted.by_day else _HOUR
    sums: dict[int, Figures] = {}
    for place, some in figures.items():
        sums.setdefault(place.at // step * step, Figures()).add(some)
    first, last = wanted.start // SECOND // step * step, -(-wanted.end // SECOND // step) * step
    columns: list[tuple[str, tuple[float, ...]]] = []
    for at in range(first, max(last, first + step), step):
        known, when = sums.get(at), times.clock(at * SECOND)
        if known is None or not known.well:
            columns.append((f"{when}: {'no results' if known is None else 'every result failed'}", ()))
        else:
            parts = phases_ms(known)
            columns.append((f"{when}: {sum(parts):.0f} ms in {known.samples} results", parts))
    whole = phases_ms(_sum(figures.values()))
    label = f"Response time, {title}: {sum(whole):.0f} ms on average"
    return stacks(columns, label, "ms", (times.clock(wanted.start), times.clock(wanted.end)))


def _region(name: str, figures: Figures) -> dict[str, Any]:
    parts = phases_ms(figures)
    return {
        "name": name,
        "samples": figures.samples,
        "failures": figures.failures,
        "mean": f"{sum(parts):.0f} ms" if figures.well else "",
        "phases": [f"{part:.1f} ms" if figures.well else "" for part in parts],
        "within": ", ".join(within_words(figures.times)),
    }


def _sum(some: Any) -> Figures:
    whole = Figures()
    for figures in some:
        whole.add(figures)
    return whole
