"""How the next deadline of a thing is computed: each value that it follows from, as the fold sees it. Pure.

The fold's own functions are asked, upon the states of that time; nothing is computed here a second time.
"""

from collections.abc import Iterator

from processors.checks.expiry import CheckExpiry
from processors.checks.rules import Moment as CheckMoment
from processors.checks.rules import late_limit, limit_begins, run_limit, watched_runs
from processors.explain.event_words import seconds
from processors.explain.story import Moment, definition_in
from processors.fold.escalations import EscalationPolicies, escalation_due
from processors.fold.gap_records import GapRecords
from processors.fold.mutes import mute_end
from processors.fold.view import View
from processors.monitors.dependency_records import DependencyRecords
from processors.monitors.expiry import MonitorExpiry
from processors.monitors.maintenance import MonitorMaintenance
from processors.monitors.quorum import confirmation_deadline
from processors.monitors.region_records import RegionRecords
from processors.monitors.slots import MARGIN
from processors.monitors.validity import MonitorValidity
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.explanations import DeadlinePart, ExplainedDeadline
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.schedules import Cron, OnCalendar, Schedule, Simple, next_after
from schemas.slots import confirming_region, region_of, time_limit
from schemas.times import iso

Parts = list[DeadlinePart]

_CHECK_WHAT = {
    "late": "the check is shown as late, unless a success comes before",
    "not late": "the check is not late any more by its new definition",
    "deadline": "the check is down, unless a success or failure comes before",
    "run limit": "the check is down, unless the run ends before",
    "end of mute": "the mute ends",
    "end of tag mute": "the mute of its tag ends",
    "reminder": "people are reminded that it is still down",
    "escalation": "the next step of the escalation is told",
}
_MONITOR_WHAT = {
    "empty slot": "the monitor is not observed, unless a result comes before",
    "no confirmation": "the next region is asked to confirm, unless a result comes before",
    "held-back notice": "the notice that was held back is told",
    "end of mute": "the mute ends",
    "reminder": "people are reminded that it is still down",
    "escalation": "the next step of the escalation is told",
    "end of hour": "the response times of the hour are judged",
}


def deadline_of(moment: Moment, partition: int, thing: str) -> tuple[ExplainedDeadline | None, Parts]:
    """The next deadline, None if nothing is due; and the values that it follows from, or that bear on it."""
    view = View(dict(moment.records))
    view.pack_with(moment.fold.packer)
    state, definition = view.get(thing), definition_in(view.get("definition/" + thing))
    if isinstance(state, CheckState) and isinstance(definition, Check):
        return _of_check(view, partition, state, definition, moment.progress.time)
    if isinstance(state, MonitorState) and isinstance(definition, Monitor):
        return _of_monitor(view, state, definition)
    return None, []


# ---- checks


def _of_check(
    view: View, partition: int, state: CheckState, check: Check, time: Micros
) -> tuple[ExplainedDeadline | None, Parts]:
    expiry = CheckExpiry(view, partition)
    due = expiry.next_deadline(check.id, state, time)
    parts = [_schedule(check.schedule), *_expectation(state, check), *_runs(state, check)]
    if due is not None and due.what in ("late", "deadline", "run limit"):
        parts += _gaps(GapRecords(view), due)
    if expiry.maintenance.is_open(check, time):
        parts.append(DeadlinePart("maintenance", "a window over the check is open: no deadline is judged"))
    parts += _tags(expiry, state, check)
    parts += _told(state, check, expiry.policies, check.project)
    parts.append(DeadlinePart("definition", f"version {check.version}"))
    return (None if due is None else ExplainedDeadline(due.at, _CHECK_WHAT[due.what])), parts


def _schedule(schedule: Schedule) -> DeadlinePart:
    match schedule:
        case Simple(period=period):
            return DeadlinePart("schedule", f"every {seconds(period * SECOND)}, counted from the newest success")
        case Cron(expression=text, tz=tz):
            return DeadlinePart("schedule", f"cron {text}, in {tz}")
        case OnCalendar(expression=text, tz=tz):
            return DeadlinePart("schedule", f"OnCalendar {'; '.join(text.splitlines())}, in {tz}")


def _expectation(state: CheckState, check: Check) -> Iterator[DeadlinePart]:
    if state.last_success is not None:
        yield DeadlinePart("newest success", at=state.last_success)
    if state.status != "up" or state.base is None:
        yield DeadlinePart("expected", "nothing: " + _why_nothing(state))
        return
    if state.base != state.last_success:
        yield DeadlinePart("counted from", "the end of a gap or of maintenance, or a new definition", state.base)
    expected, limit = next_after(check.schedule, state.base), late_limit(check)
    if expected is None:
        yield DeadlinePart("expected", "nothing: the schedule has no further run")
        return
    yield DeadlinePart("expected", at=expected)
    yield DeadlinePart("late limit", seconds(limit) + ("" if check.late_limit is None else " (grace does not count)"))
    yield DeadlinePart("deadline", "expected and the late limit", expected + limit)


def _why_nothing(state: CheckState) -> str:
    if state.unobserved and state.status == "up":
        return "the gap in which a ping may have been lost is still open"
    return {
        "new": "it has never been pinged",
        "paused": "it is paused",
        "down": "it is down until a success comes",
    }.get(state.status, "no ping is known to count from")


def _runs(state: CheckState, check: Check) -> Iterator[DeadlinePart]:
    for run in watched_runs(state):
        name = "a run" if run.rid is None else f"run {run.rid}"
        yield DeadlinePart(f"{name} is open", f"started at {iso(run.started)}, limit {seconds(run_limit(check))}",
                           limit_begins(run) + run_limit(check))  # fmt: skip


def _gaps(gaps: GapRecords, due: CheckMoment) -> Iterator[DeadlinePart]:
    touching = gaps.touching(due.doubtful_from, due.at)
    for gap in touching:
        until = "open" if gap.end is None else f"until {iso(gap.end)}"
        yield DeadlinePart("gap", f"{gap.cause}, {until}: a ping may have been lost in it", gap.start)
    if not touching:
        yield DeadlinePart("gaps", "none so far that touches the time in which the ping may come")


def _tags(expiry: CheckExpiry, state: CheckState, check: Check) -> Iterator[DeadlinePart]:
    if state.by_tag:
        for mute in expiry.tag_mutes.of(check.project, check.tags):
            end = mute.until if isinstance(mute.until, int) else None
            yield DeadlinePart("muted tag", mute.label + ("" if end else ", until it is lifted"), end)


def _told(
    state: CheckState | MonitorState, thing: Check | Monitor, policies: EscalationPolicies, project: str
) -> Iterator[DeadlinePart]:
    if state.muted:
        end = mute_end(state, thing)
        yield DeadlinePart("mute", "nobody is told" + ("" if end else ", until it is lifted"), end)
    if state.incident is None:
        return
    yield DeadlinePart("incident", f"{state.incident}: {state.cause}", state.down_since)
    if (said := state.acknowledged) is not None:
        until = "" if said.until is None else f", until {iso(said.until)}"
        yield DeadlinePart("acknowledged", f"by {said.by or 'somebody'}{until}", said.at)
    policy = policies.of(project, thing.id)
    if policy is not None and state.escalation is not None:
        passed, steps = state.escalation.passed, len(policy.policy.steps)
        value = f"policy “{policy.policy.name}”, {passed} of {steps} steps told; the next one at"
        due = escalation_due(state, thing, policies)
        yield DeadlinePart("escalation", value if due else value.removesuffix("; the next one at"), due)


# ---- monitors


def _of_monitor(view: View, state: MonitorState, monitor: Monitor) -> tuple[ExplainedDeadline | None, Parts]:
    regions, dependencies = RegionRecords(view), DependencyRecords(view)
    expiry = MonitorExpiry(view, regions, dependencies)
    maintenance = MonitorMaintenance(view, expiry, MonitorValidity(view, regions))
    due = expiry.next_deadline(monitor.id, state, 0)
    parts = [DeadlinePart("interval", f"{monitor.interval} s, from {', '.join(monitor.probed_from)} by turns")]
    if state.status != "paused" and not state.maintained and not state.unobserved:
        limit = seconds(time_limit(monitor) + MARGIN)
        where = region_of(monitor, state.expected)
        parts.append(DeadlinePart("expected", f"the slot of {where}; its result may take {limit}", state.expected))
    parts += _votes(state, monitor)
    parts += [
        DeadlinePart("disregarded region", f"{region}: its own network is out")
        for region in monitor.probed_from
        if region in regions.out(state.expected)
    ]
    if maintenance.covers(monitor):
        parts.append(DeadlinePart("maintenance", "a window over the monitor is open: results are kept and not judged"))
    parts += [
        DeadlinePart("dependency", f"monitor {id} is down, too: nobody is told of this one")
        for id in monitor.depends_on
        if id in dependencies.down()
    ]
    if state.notice_at is not None:
        parts.append(DeadlinePart("held-back notice", at=state.notice_at))
    parts += _told(state, monitor, expiry.policies, monitor.project)
    parts.append(DeadlinePart("definition", f"version {monitor.version}"))
    return (None if due is None else ExplainedDeadline(due.at, _MONITOR_WHAT[due.what])), parts


def _votes(state: MonitorState, monitor: Monitor) -> Iterator[DeadlinePart]:
    needed = monitor.recoveries if state.status == "down" else monitor.confirmations
    yield DeadlinePart(
        "quorum",
        f"{len(monitor.probed_from) // 2 + 1} of {len(monitor.probed_from)} regions; results needed: {needed}"
        if monitor.confirm_interval is None
        else f"results needed in a row: {needed}, {monitor.confirm_interval} s apart",
    )
    if (change := state.pending_change) is None:
        return
    yield DeadlinePart("pending change", f"{change.agreeing} of {needed} results agree", change.at)
    for vote in change.votes:
        yield DeadlinePart(f"vote of {vote.region}", "well" if vote.ok else "failing", vote.slot)
    asked = confirming_region(monitor, change.region, change.asked)
    yield DeadlinePart(
        f"confirmation {change.asked}", f"asked of {asked}, until", confirmation_deadline(change, monitor)
    )
