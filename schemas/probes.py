"""The `probe-results` journal: what probes of monitors found, keyed by monitor id, and the plain time."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import Fact, Micros
from schemas.maintenance import Maintenance
from schemas.monitors import Monitor, Region
from schemas.probe_kinds import Failure as Failure
from schemas.ticks import Tick, TimeCorrected


class Phases(Struct, frozen=True, omit_defaults=True, gc=False):
    """How long each part of a probe took, in microseconds; None for one that it did not get to or does not have."""

    lookup: int | None = None
    connect: int | None = None
    tls: int | None = None
    first_byte: int | None = None


class ProbeCompleted(Fact, tag="probe.completed", frozen=True):
    """One result.

    slot: the regular slot; of a confirmation, the slot or time of the result that is in doubt (`CheckDoubt.since`).
    confirm: 0 for a regular probe, else the number of the confirmation.
    at: when the probe began. took: Micros until it was decided.
    ok: whether the target is well; else `failure` says how it is not, and `detail` says it in words.
    version: of the definition by which it was probed; 0 when that is not told.
    maintenance: the monitor was in maintenance: the result is kept and counts in no uptime.
    status: of the HTTP answer. address: the one that was connected. expires: when the TLS certificate does.
    domain_expires: when the registered domain of the host does, as far as the prober knows it by then.
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


class MonitorDefined(Fact, tag="monitor.defined", frozen=True):
    """A monitor was made or changed: from here on this definition counts."""

    at: Micros
    monitor: Monitor


class MonitorRemoved(Fact, tag="monitor.removed", frozen=True):
    at: Micros


class MaintenanceDefined(Fact, tag="maintenance.defined", frozen=True):
    """A window was made or changed. In every partition."""

    at: Micros
    maintenance: Maintenance


class MaintenanceRemoved(Fact, tag="maintenance.removed", frozen=True):
    """A window is gone. In every partition."""

    at: Micros
    id: str


class RegionTroubled(Fact, tag="region.troubled", frozen=True):
    """The own network of a region is out, says a prober of it, and says it again while it lasts. In every partition.

    since: nothing has answered that was asked from then on. controls: so many control targets were asked.
    failing, hosts: of older probers; so many of those that they probed last failed for reasons of the network.
    """

    region: Region
    at: Micros
    since: Micros = 0
    controls: Annotated[int, Meta(ge=0)] = 0
    failing: Annotated[int, Meta(ge=0)] = 0
    hosts: Annotated[int, Meta(ge=0)] = 0


class RegionWell(Fact, tag="region.well", frozen=True):
    """The network of a region is back. In every partition."""

    region: Region
    at: Micros


class DependencyChanged(Fact, tag="dependency.changed", frozen=True):
    """A monitor that others depend on went down, or is down no more. In every partition, told by the fold itself."""

    at: Micros
    monitor: str
    down: bool


ProbeResultsEvent = (
    ProbeCompleted
    | MonitorDefined
    | MonitorRemoved
    | MaintenanceDefined
    | MaintenanceRemoved
    | RegionTroubled
    | RegionWell
    | DependencyChanged
    | Tick
    | TimeCorrected
)
