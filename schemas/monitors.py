"""Monitors of web services: what is probed, how often, from where, and when a failure is believed.

A monitor's definition stands under `monitor/<id>` in `definitions`; its time is cut into slots (`schemas.slots`).
Names and defaults: docs/compatibility/poppaping.md, "Fields of a monitor".
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import Fact, Micros
from schemas.managed import ManagedBy
from schemas.mutes import MuteUntil
from schemas.probe_kinds import MonitorKind as MonitorKind
from schemas.targets import DnsRecord as DnsRecord
from schemas.targets import Method as Method
from schemas.targets import ProbeTarget as ProbeTarget

ApdexThreshold = Annotated[int, Meta(ge=1, le=60_000)]
Interval = Annotated[int, Meta(ge=1, le=86_400)]
Timeout = Annotated[int, Meta(ge=1, le=120)]
Confirmations = Annotated[int, Meta(ge=1, le=10)]
ConfirmInterval = Annotated[float, Meta(ge=0.1, le=86_400)]
DependencyWait = Annotated[int, Meta(ge=0, le=3_600)]
Dependencies = Annotated[tuple[str, ...], Meta(max_length=10)]
Region = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]

DEFAULT_APDEX_THRESHOLD = 500
DEFAULT_INTERVAL = 60
DEFAULT_TIMEOUT = 30
DEFAULT_CONFIRMATIONS = 2
DEFAULT_DEPENDENCY_WAIT = 60


# They belong to the connection or say where a message ends: a request that names them itself may become two.
FRAMING_HEADERS = frozenset(
    {
        "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip


class Sealed(Struct, frozen=True, omit_defaults=True, gc=False):
    """The headers and body that a probe sends.

    origin: the only origin they are sent to; empty in records of older versions.
    credentials: `user:password`, which stood in the URL; sent as Basic authentication, and shown to nobody.
    """

    headers: dict[str, str] = {}
    body: str = ""
    origin: str = ""
    credentials: str = ""

    @property
    def sent_headers(self) -> Mapping[str, str]:
        """The headers that a probe sends. A header of the same name counts before credentials."""
        if not self.credentials or any(name.lower() == "authorization" for name in self.headers):
            return self.headers
        return self.headers | {"Authorization": f"Basic {b64encode(self.credentials.encode()).decode()}"}


class Monitor(Fact, tag="monitor", frozen=True):
    """A monitor. `version` grows by one with each change; `revised` is the time of the newest change.

    interval, timeout: seconds; slots are `interval` apart, whatever the number of regions.
    regions: as requested; `probed_from`: the regions that take turns, never empty.
    confirmations: number of failing results before the monitor is down; `recoveries`: of good results before it is up
    again.
    confirm_interval: seconds between the results that confirm a change, which then must follow one another and come
    from two regions if there are several; None: a majority of the regions decides, as fast as it can (`schemas.slots`).
    paused: it is not probed.
    depends_on: monitors that explain a failure of this one: while one of them is down, no alert about this one is sent.
    dependency_wait: seconds to wait for their status. depended_on: other monitors depend on this one and are sent its
    status.
    token: its permanent short name (`schemas.tokens`); empty: not assigned yet.
    name_derived: its name was derived from the target.
    apdex_threshold: in milliseconds.
    published: it has a public page, `/status/<token>`, as at updown.io.
    excluded_regions: regions that do not probe it, as requested; used if `regions` is empty.
    mute_until: end of the mute.
    managed_by: the set of declarations that made it, or has taken it over; empty: none.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: str
    kind: MonitorKind = "http"
    target: ProbeTarget = ProbeTarget()
    interval: Interval = DEFAULT_INTERVAL
    timeout: Timeout = DEFAULT_TIMEOUT
    regions: tuple[str, ...] = ()
    probed_from: tuple[str, ...] = ("local",)
    confirmations: Confirmations = DEFAULT_CONFIRMATIONS
    recoveries: Confirmations = 1
    confirm_interval: ConfirmInterval | None = None
    paused: bool = False
    channels: tuple[str, ...] = ()
    depends_on: Dependencies = ()
    dependency_wait: DependencyWait = DEFAULT_DEPENDENCY_WAIT
    depended_on: bool = False
    token: str = ""
    name_derived: bool = False
    apdex_threshold: ApdexThreshold = DEFAULT_APDEX_THRESHOLD
    published: bool = False
    excluded_regions: tuple[str, ...] = ()
    mute_until: MuteUntil = None
    managed_by: ManagedBy = ""
