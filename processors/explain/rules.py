"""The rule by which a fold decided a change, in one sentence. Pure. The rules stand in the folds; see the design."""

from processors.refold.steps import Step
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.transitions import StatusChanged

_CHECK_RULES: dict[tuple[str, str], str] = {
    ("late", "deadline"): "The moment at which a ping was expected has passed without one.",
    ("down", "deadline"): (
        "No success or failure came by the deadline, which is the expected moment and the late limit; no gap touches "
        "that time, so a ping would be known."
    ),
    ("down", "fail"): "The job reported a failure: a check goes down at once.",
    ("down", "run limit"): "A run was started and did not end within the run limit.",
    ("not_observed", "gap"): (
        "The deadline has passed, and a ping may have been lost in a gap meanwhile: nobody knows, so nobody is accused."
    ),
    ("up", "ping"): "A success came.",
    ("up", "defined"): "By the new definition nothing is expected yet.",
}
_MONITOR_RULES: dict[tuple[str, str], str] = {
    ("not_observed", "gap"): "A slot stayed empty: no result came in its time, which accuses nobody.",
}
_RULES: dict[str, str] = {
    "paused": "It was paused: nothing is expected of it.",
    "resumed": "It was resumed, and begins anew.",
    "removed": "It was removed.",
    "maintenance": "A window of maintenance opened or closed: while one is open, nothing is judged.",
    "probe": "A result came that was enough to tell.",
    "gap": "What was not known is known again, or the other way round.",
    "defined": "It was defined otherwise.",
}
_CHECK_CLOSED = "The window of maintenance closed, and a failure was the newest that the job had reported in it."
_NOTICE_RULES: dict[str, str] = {
    "monitor.still_down": "It was still down when people were to be told again: by a reminder, the next step of its "
    "escalation, or the end of a snooze.",
    "incident.acknowledged": "Somebody acknowledged the incident.",
    "monitor.run_time_drift": "Runs take nearly as long as they may.",
    "monitor.performance_drop": "Answers were slower than in the hours before.",
}
_NOTICE_RULE = "People are told of what is open."


def notice_rule(notice: str) -> str:
    """The same for a notice without a change of the status."""
    return _NOTICE_RULES.get(notice, _NOTICE_RULE)


def rule_of(fold: str, change: StatusChanged, step: Step, monitor: Monitor | None) -> str:
    """The sentence. monitor: its definition, if the thing is one."""
    if fold == "checks":
        if change.reason == "fail" and step.before is not None and step.before.failing is not None:
            return _CHECK_CLOSED
        return _CHECK_RULES.get((change.now, change.reason)) or _RULES.get(change.reason, change.reason)
    if change.reason == "probe" and monitor is not None and isinstance(step.after, MonitorState):
        return _quorum_rule(change, step, monitor)
    return _MONITOR_RULES.get((change.now, change.reason)) or _RULES.get(change.reason, change.reason)


def _quorum_rule(change: StatusChanged, step: Step, monitor: Monitor) -> str:
    regions = len(monitor.probed_from)
    if change.now == "down":
        failing = [result for result in step.after.confirmed_by if not result.ok]
        found = (
            f"Results that failed: {len(failing)}, from {len({each.region for each in failing})} of {regions} regions"
        )
        needed = monitor.confirmations
        if monitor.confirm_interval is not None:
            return f"{found}. Needed in a row: {needed}, {monitor.confirm_interval:g} s apart."
        return f"{found}. Needed: {needed}, and a majority of the regions ({regions // 2 + 1})."
    if change.was == "down":
        needed = monitor.recoveries
        return f"Results were well again. Needed: {needed}, if no majority of the regions says otherwise."
    return "A result came that was well."
