"""The fold `checks`: the journal `pings` determines the status of heartbeat checks.

The contract:

- A ping counts at its own time, or at the partition's time if that is later. If it is dated more than 60 s ahead of
  every clock that the partition knows, it counts at Kafka's append time if a source timestamped it, and is rejected
  otherwise. Pings of unknown and deleted checks have no effect. A retried dead letter gets its serial number and
  appears in history, but has no other effect.
- A duplicate of a counted ping (see `ping_copies`) changes nothing; history learns that it does not count.
- The effect of a ping: docs/compatibility/pinging.md, "What a signal does"; see `rules` and `ping_rules`.
- A definition replaces an older version without changing the status; the next tick applies it. The exception is a
  maintenance window that covers the check from now on, or no longer.
- While a maintenance window is open, deadlines are not evaluated; see `maintenance`.
- Only ticks advance the time; see `expiry`. A plain success neither computes a schedule nor uses the wheel.
"""

from collections.abc import Sequence

import msgspec

from processors.checks.expiry import CheckExpiry, check_of
from processors.checks.messages import failed, failed_in_maintenance
from processors.checks.muting import CheckMutes
from processors.checks.outputs import note_output
from processors.checks.packed_records import PACKER, definition_key
from processors.checks.ping_copies import is_copy, remember
from processors.checks.ping_rules import PingRulesIndex, counts_as
from processors.checks.rules import LONGEST_DURATION, end_run, start_run
from processors.checks.run_times import note_run, run_limit_of
from processors.checks.transitions import (
    enter_maintenance,
    go_down,
    go_up,
    pause,
    remove,
    resume,
    tell_acknowledged,
    tell_muted_channel,
    tell_of_drift,
)
from processors.fold.acknowledgements import concerns, take
from processors.fold.audit import command_of, entry
from processors.fold.contract import Context, Effect, Fold, InvalidEvent
from processors.fold.escalations import PolicyEvent, begin_anew, is_told
from processors.fold.partition_time import AHEAD, END_OF_TIME, counts_at, newest, time_of, vouched
from processors.fold.placement import to_transitions
from processors.fold.told_together import name_in, with_others
from processors.fold.view import View
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState, CheckStatesRecord, DefinitionCopy, Failing
from schemas.definitions import Check, changes_before
from schemas.escalations import EscalationDefined, EscalationRemoved
from schemas.ids import is_uuid
from schemas.incidents import IncidentAcknowledged, IncidentEvent, IncidentToTell
from schemas.maintenance import MaintenanceDefined, MaintenanceRemoved
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Ping, PingsEvent
from schemas.tag_mutes import TagMuted, TagUnmuted
from schemas.ticks import PROGRESS_KEY, Progress, Tick, TimeCorrected
from schemas.topics import CHECK_STATES, PINGS
from schemas.transitions import Action, JournalTruncated, PingFolded


class Checks:
    """The fold; see `processors.fold.contract.Fold`."""

    name = "checks"
    version = 8
    journal = PINGS
    states = CHECK_STATES
    packer = PACKER
    events: msgspec.json.Decoder[PingsEvent] = msgspec.json.Decoder(PingsEvent)
    records: msgspec.json.Decoder[CheckStatesRecord] = msgspec.json.Decoder(CheckStatesRecord)

    def owner(self, view: View, key: str) -> str:
        copy = view.get(definition_key(key))
        return copy.check.project if isinstance(copy, DefinitionCopy) else ""

    def open(self, view: View, partition: int) -> "ChecksPartition":
        return ChecksPartition(view, partition)


class ChecksPartition:
    def __init__(self, view: View, partition: int) -> None:
        self._view = view
        self._rules = PingRulesIndex(view)
        self._expiry = CheckExpiry(view, partition)
        self._maintenance = self._expiry.maintenance
        self._mutes = CheckMutes(view, self._expiry)

    def apply(self, event: PingsEvent, context: Context) -> Sequence[Effect]:
        effects = self._ping(event, context) if type(event) is Ping else self._apply(event, context)
        return effects if len(effects) < 2 else with_others(effects, name_in(self._expiry.choices, self._view))

    def _apply(self, event: PingsEvent, context: Context) -> Sequence[Effect]:
        if type(event) is Tick:
            return self._tick(event, context)
        if type(event) is CheckDefined:
            return self._defined(event, context)
        if type(event) is CheckRemoved:
            return self._removed(event, context)
        if type(event) is TimeCorrected:
            return self._expiry.correct(context)
        if isinstance(event, IncidentEvent):
            return self._of_incident(event, context)
        if isinstance(event, EscalationDefined | EscalationRemoved):
            return self._of_policy(event, context)
        if isinstance(event, IncidentToTell):
            return self._to_tell(event, context)
        if isinstance(event, NoticesChosen):
            return self._chosen(event, context)
        if isinstance(event, OnCallDefined | OnCallRemoved):
            self._expiry.policies.rotations.heard(event, context)
            return ()
        if isinstance(event, MaintenanceDefined | MaintenanceRemoved):
            return self._maintenance.heard(event, context)
        if isinstance(event, TagMuted | TagUnmuted):
            return self._mutes.heard(event, context)
        assert isinstance(event, CheckPaused | CheckResumed)
        return self._paused_or_resumed(event, context)

    def truncated(self, event: JournalTruncated) -> Sequence[Effect]:
        """Runs that were due since then are judged neither way."""
        return self._expiry.truncated(event.since)

    def due(self) -> Micros:
        return self._expiry.due()

    def _ping(self, ping: Ping, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        progress: Progress = view.get(PROGRESS_KEY)
        time = progress.time
        said = context.at + progress.offset if ping.at is None else ping.at
        at = said
        if at < time:
            at = time
        elif at - time > AHEAD:
            at = self._not_ahead(ping, at, context)
        # Any text may be the key of a record from outside: only a check's own id leads to its state.
        known = view.get(key)
        if type(known) is not CheckState or (known.stamped and not context.retried and is_copy(ping, known)):
            return [_folded(PingFolded(thing=key, offset=context.offset, at=at, counted=False))]
        state = view.edit(CheckState, key)
        state.pings += 1
        state.offset = context.offset
        rules = self._rules.of(key)
        kind = ping.kind if rules is None and not ping.exitstatus else counts_as(ping, rules, state)
        duration: Micros | None = None
        effects: Sequence[Effect] = ()
        if not context.retried:
            if ping.by is not None:
                remember(ping, state)
            if state.parked is not None:
                self._expiry.unpark(key, state)
            if state.last_ping is not None and state.last_ping > at:
                at = state.last_ping  # from two sources, both ahead of the partition's time: the log's order counts
            if kind == "success" or kind == "fail":
                duration = end_run(state, ping.rid, at) if state.runs else None
                state.last_duration = duration
                state.last_exitstatus, state.last_ping = ping.exitstatus, at
                if kind == "success":
                    if state.status != "up" or state.late or state.unobserved or state.maintained:
                        effects = self._go_up(state, key, at, time)
                    state.last_success = state.base = at
                    state.output = None
                    if duration is not None and note_run(state, duration, run_limit_of(view, key)):
                        effects = [*effects, *tell_of_drift(state, check_of(view, key), at)]
                else:
                    note_output(state, ping, kind, at)
                    if state.status != "down":
                        effects = self._fail(state, key, ping, at, time)
            elif kind == "start":
                note_output(state, ping, kind, at)
                start_run(state, ping.rid, at)
                self._expiry.look_at(key, at + run_limit_of(view, key))
            elif kind == "log":
                note_output(state, ping, kind, at)
        if duration is not None and duration >= LONGEST_DURATION:
            duration = None
        if kind != ping.kind or duration is not None or at != said:
            counted = None if kind == ping.kind else kind
            folded = PingFolded(thing=key, offset=context.offset, at=at, kind=counted, duration=duration)
            return [_folded(folded), *effects]
        return effects

    def _go_up(self, state: CheckState, key: str, at: Micros, time: Micros) -> list[Effect]:
        check = check_of(self._view, key)
        effects = self._maintenance.advance(state, check, at)
        if state.maintained:
            state.status, state.failing = "up", None
        else:
            if state.status != "up" or state.late or state.unobserved:
                effects += go_up(state, check, at, time)
            effects += self._maintenance.settle(state, check, at)
        self._expiry.look_at(key, time)
        return effects

    def _fail(self, state: CheckState, key: str, ping: Ping, at: Micros, time: Micros) -> list[Effect]:
        check = check_of(self._view, key)
        effects = self._maintenance.advance(state, check, at)
        if state.status == "paused" and self._maintenance.is_open(check, at):
            effects += enter_maintenance(state, check, at, time)
        if state.maintained:
            state.failing = Failing(at, failed_in_maintenance(ping, at))
        elif state.status != "down":
            effects += go_down(state, check, at, time, "fail", failed(ping))
        self._expiry.look_at(key, time)
        return effects

    def _not_ahead(self, ping: Ping, at: Micros, context: Context) -> Micros:
        """When a ping counts that may be dated ahead of all clocks that the partition has heard of.

        What a source has told by its tick is not ahead, nor what was past by Kafka's clock. A ping that was
        acknowledged by a source whose clock is wrong must not be lost for it: it counts when Kafka took it.
        """
        progress: Progress = self._view.get(PROGRESS_KEY)
        told = max(newest(progress), vouched(progress, context.at))
        if at <= END_OF_TIME and (not progress.time or at <= told + AHEAD):
            return at
        if ping.by is not None:
            return max(progress.time, vouched(progress, context.at))
        ahead = (at - progress.time) // SECOND
        raise InvalidEvent(f"dated {ahead} s ahead of the partition's time; at most {AHEAD // SECOND} s are accepted")

    def _tick(self, tick: Tick, context: Context) -> Sequence[Effect]:
        if not 0 < tick.at <= END_OF_TIME or not 0 < tick.now <= END_OF_TIME:
            raise InvalidEvent("a tick must tell a time between the years 1970 and 9999")
        if not context.retried:
            return self._expiry.tick(tick, context)
        self._expiry.retried(context.key)
        return ()

    def _defined(self, event: CheckDefined, context: Context) -> Sequence[Effect]:
        view, key, check = self._view, context.key, event.check
        if key != check.id or not is_uuid(key):
            raise InvalidEvent("the key of a definition must be the id of its check")
        known = view.get(key)
        effects: list[Effect] = []
        if known is None:
            since, made = counts_at(self._view, event.at), CheckState(version=check.version)
            made.since, made.changes = since, changes_before(check)
            self._mutes.begin(made, check)
            view.put(key, made)
            if made.muted:
                self._expiry.look_at(key, since)
        elif check.version > known.version:
            state = view.edit(CheckState, key)
            state.version = check.version
            self._expiry.unpark(key, state)
            at = counts_at(self._view, event.at)
            effects = self._mutes.redefine(state, check_of(view, key), check, at)
        else:
            return ()
        view.put(definition_key(key), DefinitionCopy(check=check))
        return effects + self._look_at_windows(key, check, event.at)

    def _look_at_windows(self, key: str, check: Check, at: Micros) -> list[Effect]:
        """A check was defined or resumed: it may be in a window, or no more."""
        effects = self._maintenance.settle(self._view.edit(CheckState, key), check, counts_at(self._view, at))
        if effects:
            self._expiry.look_at(key, time_of(self._view))
        return effects

    def _removed(self, event: CheckRemoved, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        if not isinstance(view.get(key), CheckState):
            return ()
        state = view.edit(CheckState, key)
        effects = remove(state, check_of(view, key), counts_at(self._view, event.at), time_of(view))
        view.delete(key)
        view.delete(definition_key(key))
        return effects

    def _of_incident(self, event: IncidentEvent, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        known = view.get(key)
        if not isinstance(known, CheckState) or not concerns(known, event, context):
            return ()
        state, time = view.edit(CheckState, key), time_of(view)
        check, at = check_of(view, key), counts_at(view, event.at)
        effects = take(state, check, event, at, context, PINGS)
        if isinstance(event, IncidentAcknowledged):
            effects += tell_acknowledged(state, check, at)
        self._expiry.look_at(key, time)
        return effects

    def _to_tell(self, event: IncidentToTell, context: Context) -> Sequence[Effect]:
        """The mute of a channel is over."""
        known = self._view.get(context.key)
        if context.retried or not isinstance(known, CheckState):
            return ()
        check, at = check_of(self._view, context.key), counts_at(self._view, event.at)
        untold = self._expiry.maintenance.is_open(check, at)
        # While nobody is to be told of the check, it is noted who is yet to be.
        state = self._view.edit(CheckState, context.key) if known.muted or untold else known
        effects = tell_muted_channel(state, check, event, at, untold)
        if untold:  # the window may be over before the next tick
            self._expiry.look_at(context.key, time_of(self._view))
        return effects

    def _chosen(self, event: NoticesChosen, context: Context) -> Sequence[Effect]:
        if self._expiry.choices.heard(event, context):
            for key, state in self._view.items_of(CheckState):
                if state.escalation is not None:
                    self._expiry.look_at(key, time_of(self._view))
        return ()

    def _of_policy(self, event: PolicyEvent, context: Context) -> Sequence[Effect]:
        view, escalating = self._view, []
        for key, state in view.items_of(CheckState):
            if is_told(state):
                escalating.append((key, check_of(view, key).project))
        for key in self._expiry.policies.heard(event, context, escalating):
            begin_anew(view.edit(CheckState, key), counts_at(view, event.at))
            self._expiry.look_at(key, time_of(view))
        return ()

    def _paused_or_resumed(self, event: CheckPaused | CheckResumed, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        state = view.get(key)
        if context.retried or not isinstance(state, CheckState):
            return ()
        pausing = isinstance(event, CheckPaused)
        if (state.status == "paused") is pausing:
            return ()
        state = view.edit(CheckState, key)
        self._expiry.unpark(key, state)
        move, check, at = pause if pausing else resume, check_of(view, key), counts_at(self._view, event.at)
        changed = move(state, check, at, time_of(view)) + self._look_at_windows(key, check, event.at)
        command = command_of(event, event.actor, key, at)
        action: Action = "paused" if pausing else "resumed"
        name = check.name or check.slug
        told = entry(command, context, PINGS, action, project=check.project, kind="check", name=name)
        return [*changed, told]


def _folded(folded: PingFolded) -> Effect:
    return to_transitions(folded.thing, folded)


FOLD: Fold = Checks()
