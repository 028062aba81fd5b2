"""What was sent, compared with what would have been. Pure.

The contract:

- Two alerts are one and the same when they are of the same thing and the same trouble, and the times of the trouble
  touch. Each is matched once, in order of time; so of two that would have been one, the first is kept and the second is
  spared.
- `kept`: told at the same moment. `earlier`, `later`: at another. `spared`: it was sent, and would not have been.
  `added`: the other way round. `undecided`: one of both was told of a trouble, and the other may yet be told of the
  same one, for it is not over when the span ends.
- A pair is of the span in which its alert was sent; one that was not sent, of that in which it would have been. So each
  alert that was sent is of one span alone, whatever the settings: what was sent before is neither spared nor kept, and
  makes nothing that would have been told within the span an added one.
"""

from collections.abc import Iterable, Iterator, Sequence

from processors.what_if.alerts import AlertLog
from schemas.base import Micros
from schemas.what_if.answers import Alert, Compared

_Kind = tuple[str, str]


def compare(was: AlertLog, imagined: AlertLog) -> list[Compared]:
    """Those of the span of both logs, which have ended. In order of time, then of the thing."""
    pairs: list[tuple[Alert | None, Alert | None]] = []
    by_kind = _by_kind(imagined.alerts)
    for kind, alerts in _by_kind(was.alerts).items():
        pairs += _matched(alerts, by_kind.pop(kind, []))
    for alerts in by_kind.values():
        pairs += [(None, alert) for alert in alerts]
    since = was.span.since
    compared = [_judged(*pair, was, imagined) for pair in pairs]
    return sorted((one for one in compared if _of(one).told >= since), key=in_order)


def _of(one: Compared) -> Alert:
    """The alert by which a pair is of a span."""
    alert = one.sent or one.imagined
    assert alert is not None
    return alert


def _judged(sent: Alert | None, imagined: Alert | None, was: AlertLog, would: AlertLog) -> Compared:
    if sent is None:
        assert imagined is not None
        return Compared("undecided" if _may_follow(imagined, was) else "added", None, imagined)
    if imagined is None:
        return Compared("undecided" if _may_follow(sent, would) else "spared", sent, None)
    if sent.told == imagined.told:
        return Compared("kept", sent, imagined)
    return Compared("earlier" if imagined.told < sent.told else "later", sent, imagined)


def _may_follow(alert: Alert, other: AlertLog) -> bool:
    """Whether the other side may still be told of the same trouble."""
    if alert.ended is None:
        return True
    what, began = other.lasting.get(alert.thing, ("", 0))
    return what == alert.what and began <= alert.ended


def in_order(one: Compared) -> tuple[Micros, str, str]:
    """How comparisons are sorted."""
    alert = _of(one)
    return one.told, alert.thing, alert.what


def delay(one: Compared) -> Micros | None:
    """How much later people would have been told; None when they were not told of both."""
    return None if one.sent is None or one.imagined is None else one.imagined.told - one.sent.told


def is_short(alert: Alert, limit: Micros) -> bool:
    """Whether an alert was of a down time that was over within `limit`."""
    return alert.what == "down" and alert.ended is not None and alert.ended - alert.began < limit


def is_long(alert: Alert, limit: Micros, until: Micros) -> bool:
    """Whether an alert was of a down time that lasted for `limit`, as far as is known at `until`."""
    ended = until if alert.ended is None else alert.ended
    return alert.what == "down" and ended - alert.began >= limit


def _by_kind(alerts: Iterable[Alert]) -> dict[_Kind, list[Alert]]:
    found: dict[_Kind, list[Alert]] = {}
    for alert in alerts:
        found.setdefault((alert.thing, alert.what), []).append(alert)
    return found


def _matched(sent: Sequence[Alert], imagined: Sequence[Alert]) -> Iterator[tuple[Alert | None, Alert | None]]:
    """Alerts of one kind: both are in order of time."""
    left = list(reversed(imagined))
    for alert in sent:
        while left and _end(left[-1]) < alert.began:
            yield None, left.pop()
        if left and left[-1].began <= _end(alert):
            yield alert, left.pop()
        else:
            yield alert, None
    for alert in reversed(left):
        yield None, alert


def _end(alert: Alert) -> float:
    return float("inf") if alert.ended is None else max(alert.ended, alert.began)
