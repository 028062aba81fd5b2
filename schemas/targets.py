"""What a probe does: the part of a monitor's definition that differs from kind to kind (`schemas.probe_kinds`)."""

from typing import Literal

from msgspec import Struct

# What a dns monitor asks for; empty: an address, whichever version.
DnsRecord = Literal["", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class ProbeTarget(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a probe does.

    url: of an http monitor. host, port: of the other kinds; a dns monitor asks for `host`.
    sealed: a `Sealed` in JSON, encrypted: credentials stand in it.
    statuses: HTTP statuses that are well; empty: every status from 200 to 399.
    keyword: text that must be in the first 1 MB of the body, or with `keyword_absent` must not.
    resolver: of a dns monitor, an IP address and perhaps a port; empty: that of the prober's host. record: what it is
    asked for. expected: what one of the records must be; empty: anything.
    options: of kinds added later, by name (docs/compatibility/monitor-types.md); never secrets, which are in `sealed`.
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
    options: dict[str, str] = {}
