"""Checks under load, and whether each ping that was acknowledged stands in the log and is counted once."""

import json
from collections import Counter
from collections.abc import Collection

from schemas.topics import PINGS
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

DAY = 86_400


def make_checks(pingfold: Pingfold, name: str, count: int) -> list[str]:
    return [pingfold.create(f"{name}-{number}", timeout=DAY) for number in range(count)]


def logged(pingfold: Pingfold, checks: Collection[str]) -> dict[str, Counter[str]]:
    """How often each ping of these checks stands in the log: by check, by its User-Agent."""
    pingfold.read_anew()
    found: dict[str, Counter[str]] = {check: Counter() for check in checks}
    for record in pingfold.records(PINGS):
        counts = found.get((record.key or b"").decode(errors="replace"))
        if counts is not None and record.value is not None and record.value.startswith(b'{"type":"ping.received"'):
            counts[json.loads(record.value)["ua"]] += 1
    return found


def assert_counted_once(pingfold: Pingfold, load: Load, stored_once: bool = True) -> None:
    """Every acknowledged ping is in the log once, and every ping in the log is counted once.

    `stored_once` False: a ping may stand in the log more than once, and counts as often (docs/operations.md, known
    limits).
    """
    assert load.wrong == []
    log = logged(pingfold, load.acknowledged)
    for check, names in load.acknowledged.items():
        stored = log[check]
        assert set(names) <= set(stored), "acknowledged and not in the log"
        assert set(stored) <= {*names, *load.refused[check], *load.unknown[check]}
        if stored_once:
            assert set(stored.values()) == {1}, "a ping that was sent once stands in the log twice"
        total = stored.total()
        wait_until(
            lambda check=check, total=total: (  # type: ignore[misc]
                pingfold.api("GET", f"/checks/{check}").json().get("n_pings") == total
            ),
            60.0,
            f"{total} pings of {check} are counted",
        )
