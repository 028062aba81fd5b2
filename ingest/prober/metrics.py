"""Metrics of probers."""

from infra import metrics as metrics_table
from schemas.base import SECOND, Micros
from schemas.probes import ProbeCompleted

_PROBES = metrics_table.PROBES.create()
_MISSED = metrics_table.PROBE_SLOTS_MISSED.create()
_TROUBLED = metrics_table.REGION_TROUBLED.create()
_CONTROLS = metrics_table.CONTROL_TARGETS_ANSWERING.create()
_DELAY = metrics_table.PROBE_START_DELAY.create()


def started(delay: Micros) -> None:
    """A regular probe begins, so long after its slot."""
    _DELAY.observe(delay / SECOND)


def missed(slots: int) -> None:
    """Slots are left out."""
    _MISSED.inc(slots)


def troubled(region: str, is_out: bool) -> None:
    """The own network of a region is out, or not."""
    _TROUBLED.labels(region).set(is_out)


def controls(region: str, answering: int) -> None:
    """So many control targets have answered."""
    _CONTROLS.labels(region).set(answering)


def completed(result: ProbeCompleted) -> None:
    """A probe has ended."""
    _PROBES.labels(result.region, result.failure or "ok").inc()
