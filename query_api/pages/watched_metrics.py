"""What a project watches, as families of metrics (`infra.metrics.WATCHED`). Pure.

A value that is not known has no sample: a check without a ping has no time of one. As with Healthchecks, what is new or
paused is up, and what is late is up and in its grace period.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

from infra import metrics
from infra.metrics import SampledCounterSpec, SampledSpec
from query_api.healthchecks.check_object import unique_key
from query_api.healthchecks.status import PresentedCheck
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.monitor_states import MonitorState, visible_status
from schemas.monitors import Monitor


class WatchedCheck(NamedTuple):
    """A check as it stands at `at`. uptime: per cent of the last 30 days, None when history does not tell."""

    check: Check
    state: CheckState | None
    shown: PresentedCheck
    uptime: float | None
    at: Micros


class WatchedMonitor(NamedTuple):
    """A monitor as it stands at `at`. uptime: as of a check."""

    monitor: Monitor
    state: MonitorState | None
    uptime: float | None
    at: Micros


class _Families:
    """Families in the order in which they are first asked for."""

    def __init__(self, *specs: SampledSpec | SampledCounterSpec) -> None:
        self._families = {spec.name: spec.family() for spec in specs}

    def add(self, spec: SampledSpec | SampledCounterSpec, labels: tuple[str, ...], value: float | bool | None) -> None:
        if value is not None:
            self._families[spec.name].add_metric(labels, float(value))

    def all(self) -> Iterator[Metric]:
        return iter(self._families.values())


def families(checks: Iterable[WatchedCheck], monitors: Iterable[WatchedMonitor]) -> Iterator[Metric]:
    """All families of a project; those without a sample are there, too."""
    yield from _of_checks(list(checks))
    yield from _of_monitors(monitors)


def _of_checks(checks: list[WatchedCheck]) -> Iterator[Metric]:
    told = _Families(
        metrics.CHECK_UP, metrics.CHECK_STARTED, metrics.CHECK_GRACE, metrics.CHECK_PAUSED, metrics.CHECK_NOT_OBSERVED,
        metrics.CHECK_LAST_PING, metrics.CHECK_LAST_SUCCESS, metrics.CHECK_LAST_DURATION, metrics.CHECK_DOWN_SECONDS,
        metrics.CHECK_UPTIME, metrics.TAG_UP,
    )  # fmt: skip
    tags: dict[str, bool] = {}
    down = 0
    for check, state, shown, uptime, at in checks:
        labels = (check.name, check.tags, unique_key(check.id))
        up = shown.status != "down"
        down += not up
        for tag in check.tags.split():
            tags[tag] = tags.get(tag, True) and up
        told.add(metrics.CHECK_UP, labels, up)
        told.add(metrics.CHECK_STARTED, labels, shown.started)
        told.add(metrics.CHECK_GRACE, labels, shown.status == "grace")
        told.add(metrics.CHECK_PAUSED, labels, shown.status == "paused")
        told.add(metrics.CHECK_UPTIME, labels, _ratio(uptime))
        if state is not None:
            told.add(metrics.CHECK_NOT_OBSERVED, labels, state.unobserved)
            told.add(metrics.CHECK_LAST_PING, labels, _seconds(state.last_ping))
            told.add(metrics.CHECK_LAST_SUCCESS, labels, _seconds(state.last_success))
            told.add(metrics.CHECK_LAST_DURATION, labels, _seconds(state.last_duration))
            told.add(metrics.CHECK_DOWN_SECONDS, labels, _down_seconds(state, at))
    for tag, up in sorted(tags.items()):
        told.add(metrics.TAG_UP, (tag,), up)
    yield from told.all()
    yield metrics.CHECKS.of(len(checks))
    yield metrics.CHECKS_DOWN.of(down)


def _of_monitors(monitors: Iterable[WatchedMonitor]) -> Iterator[Metric]:
    told = _Families(
        metrics.MONITOR_UP, metrics.MONITOR_PAUSED, metrics.MONITOR_NOT_OBSERVED, metrics.MONITOR_LAST_PROBE,
        metrics.MONITOR_LAST_PROBE_OK, metrics.MONITOR_LAST_DURATION, metrics.MONITOR_CERTIFICATE,
        metrics.MONITOR_DOMAIN, metrics.MONITOR_DOWN_SECONDS, metrics.MONITOR_UPTIME,
    )  # fmt: skip
    for monitor, state, uptime, at in monitors:
        labels = (monitor.name, monitor.kind, monitor.id)
        told.add(metrics.MONITOR_UP, labels, state is None or state.status != "down")
        told.add(metrics.MONITOR_PAUSED, labels, monitor.paused)
        told.add(metrics.MONITOR_UPTIME, labels, _ratio(uptime))
        if state is not None:
            told.add(metrics.MONITOR_NOT_OBSERVED, labels, visible_status(state) == "not_observed")
            told.add(metrics.MONITOR_LAST_PROBE, labels, _seconds(state.last_at))
            told.add(metrics.MONITOR_LAST_PROBE_OK, labels, None if state.last_at is None else state.last_ok)
            told.add(metrics.MONITOR_LAST_DURATION, labels, None if state.last_ms is None else state.last_ms / 1_000)
            told.add(metrics.MONITOR_CERTIFICATE, labels, _seconds(state.expires))
            told.add(metrics.MONITOR_DOMAIN, labels, _seconds(state.domain_expires))
            told.add(metrics.MONITOR_DOWN_SECONDS, labels, _down_seconds(state, at))
    yield from told.all()


def _down_seconds(state: CheckState | MonitorState, at: Micros) -> float:
    """In all incidents, the open one among them."""
    open_for = max(0, at - state.down_since) if state.down_since is not None else 0
    return (state.down_time + open_for) / SECOND


def _seconds(time: Micros | None) -> float | None:
    return None if time is None else time / SECOND


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
