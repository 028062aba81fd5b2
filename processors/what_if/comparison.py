"""What was sent, compared with what would have been. Pure.

The contract:

- Two alerts are one and the same when they are of the same thing and the same trouble, and the times of the trouble
  touch. Each is matched once, in order of time; so of two that would have been one, the first is kept and the second is
  spared.
- `kept`: told at the same moment. `earlier`, `later`: at another. `spared`: it was sent, and would not have been.
  `added`: the other way round.
"""

from collections.abc import Iterable, Iterator, Sequence

from schemas.base import Micros
from schemas.what_if.answers import Alert, Compared

_Kind = tuple[str, str]


def compare(sent: Sequence[Alert], imagined: Sequence[Alert]) -> list[Compared]:
    """In order of time, then of the thing."""
    compared: list[Compared] = []
    by_kind = _by_kind(imagined)
    for kind, alerts in _by_kind(sent).items():
        compared += _compare(alerts, by_kind.pop(kind, []))
    for alerts in by_kind.values():
        compared += [Compared("added", None, alert) for alert in alerts]
    return sorted(compared, key=in_order)


def in_order(one: Compared) -> tuple[Micros, str, str]:
    """How comparisons are sorted."""
    alert = one.sent or one.imagined
    assert alert is not None
    return one.told, alert.thing, alert.what


def delay(one: Compared) -> Micros | None:
    """How much later people would have been told; None when they were not told of both."""
    return None if one.sent is None or one.imagined is None else one.imagined.told - one.sent.told


def is_short(alert: Alert, limit: Micros) -> bool:
    """Whether an alert was of a down time that was over within `limit`."""
    return alert.what == "down" and alert.ended is not None and alert.ended - alert.began < limit


def _by_kind(alerts: Iterable[Alert]) -> dict[_Kind, list[Alert]]:
    found: dict[_Kind, list[Alert]] = {}
    for alert in alerts:
        found.setdefault((alert.thing, alert.what), []).append(alert)
    return found


def _compare(sent: Sequence[Alert], imagined: Sequence[Alert]) -> Iterator[Compared]:
    """Alerts of one kind: both are in order of time."""
    left = list(reversed(imagined))
    for alert in sent:
        while left and _end(left[-1]) < alert.began:
            yield Compared("added", None, left.pop())
        if left and left[-1].began <= _end(alert):
            yield _matched(alert, left.pop())
        else:
            yield Compared("spared", alert, None)
    for alert in reversed(left):
        yield Compared("added", None, alert)


def _end(alert: Alert) -> float:
    return float("inf") if alert.ended is None else max(alert.ended, alert.began)


def _matched(sent: Alert, imagined: Alert) -> Compared:
    if sent.told == imagined.told:
        return Compared("kept", sent, imagined)
    return Compared("earlier" if imagined.told < sent.told else "later", sent, imagined)
