"""The certificates and domains of the monitors of a partition: results of tests, and notices
(docs/decisions/0081, 0082).

The contract:

- A test counts if its slot and region are due (`schemas.certificates`). A duplicate or late test, a test of an earlier
  definition, and a test from a disregarded region have no effect. A test without a certificate says nothing about it;
  another one follows an hour later.
- Two consecutive tests must agree that a certificate is invalid, or valid again. The partition time decides whether it
  has expired.
- Only ticks send notices: each notice is a deadline, and is sent once. Warnings that one tick passes together are one
  notice. A warning needs a recently read date, because the date may have changed during an outage of Pingfold.
- While a monitor is paused, muted or in maintenance, no notices are sent. Notices that still apply are sent afterwards.
- If a probe fails because of an invalid certificate, `monitor.down` reports it, without a separate notice.

Only the two kinds of tests create a record here: a journal without them gives the same states as older versions.
"""

from msgspec.structs import replace

from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.expiry import Expiry
from processors.fold.partition_time import progress_of, time_of, vouched
from processors.fold.view import View
from processors.monitors.expiry import monitor_of, must_be_past
from processors.monitors.region_records import RegionRecords
from processors.monitors.validity_notices import ValidityDeadline, give_notice, next_deadline
from processors.monitors.validity_results import domain_found, found
from schemas.base import Micros
from schemas.certificates import HOUR, MINUTE, certificate_place, domain_host, number_of_slot, region_of_test
from schemas.monitor_states import VALIDITY, MonitorState, Validity, validity_key
from schemas.monitors import Monitor
from schemas.probes import CertificateTested, DomainTested
from schemas.ticks import Tick
from schemas.topics import PROBE_RESULTS

# A result that took longer to be in the log says nothing about now.
_LATE: Micros = 10 * MINUTE


class MonitorValidity:
    def __init__(self, view: View, regions: RegionRecords) -> None:
        self._view, self._regions = view, regions
        self._expiry: Expiry[Validity, ValidityDeadline] = Expiry(view, PROBE_RESULTS, "monitor", Validity, self)
        self.due = self._expiry.due

    # ---- facts

    def certificate_tested(self, event: CertificateTested, context: Context) -> list[Effect]:
        """The result of a test: what is known now, and when the next test is due."""
        view, key = self._view, context.key
        must_be_past(event.at, view, context)
        if not 0 <= event.slot <= event.at:
            raise InvalidEvent("a test cannot begin before its slot")
        state = view.get(key)
        if not isinstance(state, MonitorState) or context.retried:
            return []
        monitor, time = monitor_of(view, key), time_of(view)
        if monitor.paused or 0 < event.version < state.oldest or certificate_place(monitor) is None:
            return []
        known = view.get(validity_key(key))
        due, turn = (known.due or state.begun, known.turn) if isinstance(known, Validity) else (state.begun, 0)
        number = number_of_slot(due, event.slot)
        if number is None or region_of_test(monitor, turn, number) != event.region:
            return []
        if event.at + _LATE < time or event.region in self._regions.out(time):
            return []
        validity = self._editable(key)
        found(validity, monitor, event, vouched(progress_of(view), context.at))
        self._look_at(key, validity)
        return []

    def domain_tested(self, event: DomainTested, context: Context) -> list[Effect]:
        """What a registry says of the domain."""
        view, key = self._view, context.key
        must_be_past(event.at, view, context)
        state = view.get(key)
        if not isinstance(state, MonitorState) or context.retried or 0 < event.version < state.oldest:
            return []
        known = view.get(validity_key(key))
        domain = domain_found(known.domain if isinstance(known, Validity) else None, event)
        if domain is not None:
            validity = self._editable(key)
            validity.domain = domain
            self._look_at(key, validity)
        return []

    def seen_by_probe(self, key: str, expires: Micros | None, at: Micros) -> None:
        """A probe saw a certificate that ends at another time than that of the probe before: it is tested soon.

        At most once an hour: servers may show several in turn.
        """
        known = self._view.get(validity_key(key))
        if not isinstance(known, Validity) or known.certificate is None or known.heard_at is None:
            return
        soon = max(at, known.heard_at + HOUR)
        if expires != known.certificate.not_after and soon < known.due:
            self._view.edit(Validity, validity_key(key)).due = soon

    # ---- definitions

    def redefined(self, old: Monitor, new: Monitor) -> None:
        """A definition takes the place of an older one. What is known of another certificate or domain is forgotten."""
        key = validity_key(new.id)
        if not isinstance(self._view.get(key), Validity):
            return
        validity = self._view.edit(Validity, key)
        if certificate_place(old) != certificate_place(new):
            self._view.put(
                key, validity := Validity(turn=validity.turn, domain=validity.domain, notices=validity.notices)
            )
        if domain_host(old) != domain_host(new):
            validity.domain = None
        self._look_at(new.id, validity)

    def removed(self, monitor: str) -> None:
        """A monitor is gone."""
        self._view.delete(validity_key(monitor))

    def look_again(self, monitor: str) -> None:
        """A monitor is muted, or in maintenance, no longer: what was not told may be told now."""
        if isinstance(validity := self._view.get(validity_key(monitor)), Validity):
            self._look_at(monitor, validity)

    # ---- time

    def tick(self, time: Micros, tick: Tick, context: Context) -> list[Effect]:
        """Tell what is due."""
        return self._expiry.tick(time, tick, context)

    def retried(self, key: str) -> None:
        """The dead letter that told of a parked record was put back."""
        if key.startswith(f"{VALIDITY}/") and (validity := self._expiry.parked(key)) is not None:
            self._expiry.unpark(key, validity)

    def correct(self, time: Micros) -> None:
        """The time has run ahead and is taken back."""
        for key in self._expiry.look_at_all():
            validity = self._view.edit(Validity, key)
            validity.heard_at = None if validity.heard_at is None else min(validity.heard_at, time)
            validity.tested_at = None if validity.tested_at is None else min(validity.tested_at, time)
            validity.since, validity.decided_at = min(validity.since, time), min(validity.decided_at, time)
            validity.due = min(validity.due, time + HOUR)
            if validity.domain is not None:
                domain = validity.domain
                validity.domain = replace(domain, tested_at=min(domain.tested_at, time), since=min(domain.since, time))

    def _editable(self, key: str) -> Validity:
        key = validity_key(key)
        if not isinstance(self._view.get(key), Validity):
            self._view.put(key, Validity())
        validity = self._view.edit(Validity, key)
        if validity.parked is not None:
            self._expiry.unpark(key, validity)
        return validity

    def _look_at(self, monitor: str, validity: Validity) -> None:
        """The record of a monitor was changed: a tick that passes its next deadline looks at it."""
        deadline = self.next_deadline(validity_key(monitor), validity, time_of(self._view))
        if deadline is not None:
            self._expiry.look_at(validity_key(monitor), deadline.at)

    # ---- as a judge

    def may_wait(self, state: Validity) -> bool:
        return True

    def next_deadline(self, key: str, state: Validity, time: Micros) -> ValidityDeadline | None:
        monitor = key.partition("/")[2]
        running = self._view.get(monitor)
        if not isinstance(running, MonitorState) or running.status == "paused" or running.maintained or running.muted:
            return None
        return next_deadline(state, time)

    def expire(self, key: str, state: Validity, deadline: ValidityDeadline, time: Micros) -> list[Effect]:
        monitor = key.partition("/")[2]
        return give_notice(state, self._view.get(monitor), monitor_of(self._view, monitor), deadline, time)
