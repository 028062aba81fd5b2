"""Monitors of one region whose targets are refused at once: a probe of them needs no network."""

from typing import Any

from schemas.monitors import Monitor, ProbeTarget

HERE = "here"
REFUSED = ProbeTarget(url="http://10.0.0.1/")


def monitor(id: str = "m", **changes: Any) -> Monitor:
    """A monitor of one region, probed every 10 s."""
    given: dict[str, Any] = {"version": 1, "target": REFUSED, "interval": 10, "probed_from": (HERE,), "timeout": 5}
    return Monitor(**(given | {"id": id, "project": "p", "created": 0, "revised": 0, "name": id} | changes))
