"""Plans: limits on requests per minute, number of monitors, and probe intervals.

Requests per minute are PoppaPing's; its documentation names no other quota, so the rest are Pingfold's own. A
self-hosted Pingfold has no limits unless `PINGFOLD_PLAN` names a plan.
"""

from typing import NamedTuple


class Plan(NamedTuple):
    """requests: per key and minute. monitors: at most; None: no limit. interval: seconds, at least."""

    requests: int | None
    monitors: int | None
    interval: int


PLANS = {
    "free": Plan(60, 5, 60),
    "starter": Plan(120, 20, 60),
    "growth": Plan(180, 50, 30),
    "pro": Plan(300, 150, 30),
    "business": Plan(600, 500, 10),
    "self-hosted": Plan(None, None, 1),
}
