"""The `probe-results` journal: results of probes, keyed by monitor id, what concerns many monitors, and ticks."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.base import Fact, Micros
from schemas.certificates import Certificate, DomainSource
from schemas.escalations import EscalationDefined, EscalationRemoved
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.maintenance import MaintenanceDefined as MaintenanceDefined
from schemas.maintenance import MaintenanceRemoved as MaintenanceRemoved
from schemas.monitors import Monitor, Region
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved
from schemas.probe_kinds import Failure as Failure
from schemas.targets import Family, Verb
from schemas.ticks import Tick, TimeCorrected


class Phases(Struct, frozen=True, omit_defaults=True, gc=False):
    """Durations of the phases of a probe in microseconds; None for a phase that was not reached or does not exist.

    redirect: of all that came before the last connection. The others are of that connection.
    """

    redirect: int | None = None
    lookup: int | None = None
    connect: int | None = None
    tls: int | None = None
    first_byte: int | None = None


class FamilyResult(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a probe found over one address family, where it tried both. Fields as of `ProbeCompleted`."""

    family: Family
    ok: bool
    took: int
    failure: Failure = ""
    detail: str = ""
    status: int | None = None
    address: str = ""
    phases: Phases = Phases()


class ProbeCompleted(Fact, tag="probe.completed", frozen=True):
    """The result of one probe.

    slot: the regular slot; for a confirmation, the slot or time of the result to be confirmed (`PendingChange.since`).
    confirm: 0 for a regular probe, else the number of the confirmation.
    at: start of the probe. took: its duration in microseconds.
    ok: whether the probe succeeded; if not, `failure` is the reason and `detail` describes it.
    version: of the definition that was probed; 0 if unknown.
    maintenance: the monitor was in maintenance; the result is recorded, but counts in no uptime.
    status: of the HTTP response. address: the IP address connected to. expires: expiry of the TLS certificate.
    domain_expires: expiry of the registered domain of the host, if the prober knows it.
    method: that was sent, if the definition leaves it open. verb: of such a monitor, when GET and HEAD have been
    compared: what is enough from now on.
    families: the result of each address family, if both were probed; the other fields are those of one of them.
    family_down: the one that failed while the other worked.
    url: to which redirects led. http_version: of the answer.
    """

    slot: Micros
    region: str
    at: Micros
    took: Annotated[int, Meta(ge=0)]
    ok: bool
    confirm: Annotated[int, Meta(ge=0)] = 0
    version: int = 0
    failure: Failure = ""
    detail: str = ""
    status: int | None = None
    address: str = ""
    phases: Phases = Phases()
    expires: Micros | None = None
    domain_expires: Micros | None = None
    maintenance: bool = False
    method: Verb = ""
    verb: Verb = ""
    families: tuple[FamilyResult, ...] = ()
    family_down: Family | Literal[""] = ""
    url: str = ""
    http_version: str = "1.1"


class CertificateTested(Fact, tag="certificate.tested", frozen=True):
    """The result of a test of a target's certificate. Tested about once a day; see
    `schemas.certificates`.

    slot: the slot of the test. at: start of the test. version: of the definition that was tested; 0 if unknown.
    valid: whether clients accept it: it is trusted, and valid for the host now; None if there was no certificate,
    which says nothing about it. error: why not, with the code and text of OpenSSL (`error code 20: unable to get
    local issuer certificate`); or why there was none.
    """

    slot: Micros
    region: Region
    at: Micros
    version: int = 0
    valid: bool | None = None
    error: str = ""
    certificate: Certificate | None = None


class DomainTested(Fact, tag="domain.tested", frozen=True):
    """The expiry date of the domain of a monitor, from the registry. About once a day.

    version: of the definition; 0 if unknown.
    """

    region: Region
    at: Micros
    expires: Micros
    source: DomainSource
    version: int = 0


class MonitorDefined(Fact, tag="monitor.defined", frozen=True):
    """A monitor was created or changed. This definition applies from here on."""

    at: Micros
    monitor: Monitor


class MonitorRemoved(Fact, tag="monitor.removed", frozen=True):
    at: Micros


class RegionTroubled(Fact, tag="region.troubled", frozen=True):
    """A prober reports that its region's own network is down. Sent to every partition, and repeated while it lasts.

    since: nothing has answered since then. controls: number of control targets that were asked.
    failing, hosts: set by older versions: numbers of targets that failed for network reasons, and that were probed.
    """

    region: Region
    at: Micros
    since: Micros = 0
    controls: Annotated[int, Meta(ge=0)] = 0
    failing: Annotated[int, Meta(ge=0)] = 0
    hosts: Annotated[int, Meta(ge=0)] = 0


class RegionWell(Fact, tag="region.well", frozen=True):
    """The region's network works again. Sent to every partition."""

    region: Region
    at: Micros


class DependencyChanged(Fact, tag="dependency.changed", frozen=True):
    """A monitor that others depend on went down or recovered. Sent to every partition, by the fold itself."""

    at: Micros
    monitor: str
    down: bool


ProbeResultsEvent = (
    ProbeCompleted
    | CertificateTested
    | DomainTested
    | MonitorDefined
    | MonitorRemoved
    | MaintenanceDefined
    | MaintenanceRemoved
    | RegionTroubled
    | RegionWell
    | DependencyChanged
    | IncidentAcknowledged
    | IncidentReleased
    | IncidentCommented
    | IncidentToTell
    | EscalationDefined
    | EscalationRemoved
    | OnCallDefined
    | OnCallRemoved
    | NoticesChosen
    | Tick
    | TimeCorrected
)
