"""Metrics of probers."""

from prometheus_client import Counter, Gauge, Histogram

from schemas.base import SECOND, Micros
from schemas.probes import ProbeCompleted

_PROBES = Counter("pingfold_probes_total", "Probes, by how they ended", ["region", "outcome"])
_MISSED = Counter("pingfold_probe_slots_missed_total", "Slots that had passed before their probe could begin")
_TROUBLED = Gauge(
    "pingfold_region_troubled", "1 while the own network of a region is out", ["region"], multiprocess_mode="mostrecent"
)
_CONTROLS = Gauge(
    "pingfold_control_targets_answering",
    "Control targets that answered when they were asked last",
    ["region"],
    multiprocess_mode="mostrecent",
)
_DELAY = Histogram(
    "pingfold_probe_start_delay_seconds",
    "From a slot to the start of its probe",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)


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
