"""Certificates of servers, and the dates that people are warned of: what is known of one, when it is tested, how long
before its end people are told. Pure arithmetic, the same for prober and fold (docs/decisions/0081).

A certificate is due to be tested at a moment that the state of its monitor tells (`Validity.due`), at first the moment
at which the definition began to count. From then on there is a slot every ten minutes, in which the regions take turns,
until a result of one is in the log; it sets the next moment, about a day later. So a region that is out only delays a
test, and no two probers make the same one.
"""

from hashlib import sha256
from typing import Any, Literal

from msgspec import Struct

from schemas.base import SECOND, Micros
from schemas.monitors import Monitor
from schemas.probe_kinds import PROBE_KINDS
from schemas.probe_kinds.kind import Place
from schemas.times import iso

MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

# Distance of two slots of a test that is due.
RETRY: Micros = 10 * MINUTE
# People are told so many days before the end, of certificates of a year; of a short one those that are at most a sixth
# of the time for which it is valid: 14, 7 and 1 of one of 90 days, which is to be renewed when 30 are left.
WARNINGS = (30, 14, 7, 1)
_PART = 6


# Who says when a domain expires.
DomainSource = Literal["RDAP"]


class Certificate(Struct, frozen=True, omit_defaults=True, gc=False):
    """A certificate that a server showed.

    subject: the name of its owner, else the first name that it is valid for. issuer: name and organisation.
    not_before, not_after: the time for which it is valid. algorithm: of its signature. fingerprint: SHA-256, in hex.
    """

    not_before: Micros
    not_after: Micros
    fingerprint: str
    subject: str = ""
    issuer: str = ""
    algorithm: str = ""


def certificate_place(monitor: Monitor) -> Place | None:
    """Where the certificate of a monitor is shown; None when its probes see none."""
    return PROBE_KINDS[monitor.kind].certificate(monitor.target)


def domain_host(monitor: Monitor) -> str:
    """The host whose domain belongs to the target."""
    place = next(PROBE_KINDS[monitor.kind].places(monitor.target), None)
    return "" if place is None else place.host


def region_of_test(monitor: Monitor, turn: int, number: int) -> str:
    """The region that makes the test in slot `number` (0 is the first) after `turn` tests."""
    return monitor.probed_from[(turn + number) % len(monitor.probed_from)]


def number_of_slot(due: Micros, slot: Micros) -> int | None:
    """Which of the slots of a test that is due a moment is; None when it is none."""
    number, rest = divmod(slot - due, RETRY)
    return None if rest or number < 0 else number


def next_test(monitor: Monitor, due: Micros, turn: int, region: str, now: Micros) -> Micros | None:
    """The next slot in which a region is to make the test that is due; None when it is not one of the monitor's.

    The first slot may be made up for while it lasts. The others may not: so a prober that starts does not test every
    certificate at once.
    """
    first = 0 if now < due + RETRY else -((due - now) // RETRY)
    for number in range(first, first + len(monitor.probed_from)):
        if region_of_test(monitor, turn, number) == region:
            return due + number * RETRY
    return None


def daily(monitor: str, after: Micros) -> Micros:
    """The first moment later than `after` of those, a day apart, that are this monitor's own."""
    shift = int.from_bytes(sha256(monitor.encode()).digest()[:4], "big") * DAY >> 32
    return after + DAY - (after - shift) % DAY


def region_of_day(monitor: Monitor, at: Micros) -> str:
    """The region whose prober tells on this day when the domain expires."""
    return monitor.probed_from[at // DAY % len(monitor.probed_from)]


def warning_days(certificate: Certificate) -> tuple[int, ...]:
    """How many days before its end people are told."""
    valid_for = certificate.not_after - certificate.not_before
    return tuple(days for days in WARNINGS if days * DAY * _PART <= valid_for)


def next_warning(days: tuple[int, ...], warned: int | None) -> int | None:
    """The next of `days` that nobody has been told of; warned: the fewest days that people have been told of."""
    return next((each for each in days if warned is None or each < warned), None)


def last_warning(days: tuple[int, ...], end: Micros, time: Micros) -> int | None:
    """The fewest of `days` whose moment has come at `time`."""
    return min((each for each in days if end - each * DAY <= time), default=None)


def days_left(end: Micros, time: Micros) -> int:
    """Days until `end`, of which a part counts as a whole one; 0 when it has come."""
    return max(0, -((time - end) // DAY))


def certificate_data(certificate: Certificate) -> dict[str, Any]:
    """A certificate in the `data` of a notice."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "valid_from": iso(certificate.not_before),
        "valid_until": iso(certificate.not_after),
        "algorithm": certificate.algorithm,
        "fingerprint": certificate.fingerprint,
    }
