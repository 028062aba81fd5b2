"""Monitors of web services: what is probed, how often, from where, and when a failure is believed.

A monitor's definition stands under `monitor/<id>` in `definitions`; its time is cut into slots (`schemas.slots`).
Names and defaults: docs/compatibility/poppaping.md, "Fields of a monitor".
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.base import Fact, Micros

MonitorKind = Literal["http", "tcp", "tls", "icmp", "dns"]
# What a dns monitor asks for; empty: an address, whichever version.
DnsRecord = Literal["", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

Interval = Annotated[int, Meta(ge=1, le=86_400)]
Timeout = Annotated[int, Meta(ge=1, le=120)]
Confirmations = Annotated[int, Meta(ge=1, le=10)]
DependencyWait = Annotated[int, Meta(ge=0, le=3_600)]
Dependencies = Annotated[tuple[str, ...], Meta(max_length=10)]
Region = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]

DEFAULT_INTERVAL = 60
DEFAULT_TIMEOUT = 30
DEFAULT_CONFIRMATIONS = 2
DEFAULT_DEPENDENCY_WAIT = 60


class ProbeTarget(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a probe does.

    url: of an http monitor. host, port: of the other kinds; a dns monitor asks for `host`.
    sealed: a `Sealed` in JSON, encrypted: credentials stand in it.
    statuses: HTTP statuses that are well; empty: every status from 200 to 399.
    keyword: text that must be in the first 1 MB of the body, or with `keyword_absent` must not.
    resolver: of a dns monitor, an IP address and perhaps a port; empty: that of the prober's host. record: what it is
    asked for. expected: what one of the records must be; empty: anything.
    """

    url: str = ""
    host: str = ""
    port: int = 0
    method: Method = "GET"
    sealed: str = ""
    statuses: tuple[int, ...] = ()
    keyword: str = ""
    keyword_absent: bool = False
    follow_redirects: bool = True
    resolver: str = ""
    record: DnsRecord = ""
    expected: str = ""


# They belong to the connection or say where a message ends: a request that names them itself may become two.
FRAMING_HEADERS = frozenset(
    {
        "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip


class Sealed(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a probe sends besides its URL.

    origin: for which it was given, and to which alone it is sent; versions before wrote none.
    """

    headers: dict[str, str] = {}
    body: str = ""
    origin: str = ""


class Monitor(Fact, tag="monitor", frozen=True):
    """A monitor. `version` grows by one with each change; `revised` is when the newest change counted.

    interval, timeout: seconds; slots are `interval` apart, whatever the number of regions.
    regions: as asked; `probed_from`: the regions that take turns, never empty.
    confirmations: how many results must say so before a monitor is down; `recoveries`: before it is up again.
    paused: nobody probes, nothing is expected.
    depends_on: monitors whose being down explains that this one is: then nobody is told of it. dependency_wait: so many
    seconds their verdict is waited for. depended_on: others depend on this one, so that they hear how it is.
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
    paused: bool = False
    channels: tuple[str, ...] = ()
    depends_on: Dependencies = ()
    dependency_wait: DependencyWait = DEFAULT_DEPENDENCY_WAIT
    depended_on: bool = False
