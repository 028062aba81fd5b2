"""What a probe does: the part of a monitor's definition that differs from kind to kind (`schemas.probe_kinds`)."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from schemas.host_names import bare_host
from schemas.origins import small, written_url

# What a dns monitor asks for; empty: an address, whichever version.
DnsRecord = Literal["", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]
# `GET/HEAD`: HEAD, and GET where that is not enough: when HEAD is not allowed (405, 501), when a keyword is looked for,
# or when the two were found to differ (`MonitorState.verb`).
HEAD_FIRST: Final = "GET/HEAD"
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET/HEAD"]
Verb = Literal["", "GET", "HEAD"]
Family = Literal["ipv4", "ipv6"]
FAMILY_WORDS: Mapping[str, str] = {"ipv4": "IPv4", "ipv6": "IPv6"}
# Of a host that has addresses of both families. Empty: the first address that answers. `either`: both are probed, and
# one that is well is enough. `each`: both are probed, and each must be well.
Families = Literal["", "either", "each"]

DEFAULT_REDIRECTS: Final = 10


class ProbeTarget(Struct, frozen=True, omit_defaults=True, gc=False):
    """What is probed, and what counts as success.

    url: of an http monitor. host, port: of the other kinds; a dns monitor resolves `host`.
    sealed: a `Sealed` as JSON, encrypted, because it may contain credentials.
    statuses: HTTP statuses that count as success; empty: 200 to 399.
    verify: the certificate must be valid for a probe to succeed; where something is `sealed`, it always must.
    keyword: text that the first 1 MB of the body must contain, or with `keyword_absent` must not.
    max_redirects: so many are followed, if any are.
    families: how a host with addresses of both families is probed; a dns monitor has none.
    resolver: of a dns monitor, an IP address with an optional port; empty: the resolver of the prober's host. record:
    the record type to query. expected: value that one of the records must have; empty: any.
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
    families: Families = ""
    verify: bool = True
    resolver: str = ""
    record: DnsRecord = ""
    expected: str = ""
    options: dict[str, str] = {}
    max_redirects: int = DEFAULT_REDIRECTS


def place_of(kind: str, target: ProbeTarget) -> str:
    """What makes two targets the same: of an http monitor the URL without its scheme and without a final slash."""
    if kind != "http":
        return f"{kind}://{small(target.host)}:{target.port}"
    parts = written_url(target.url)
    if parts is None:
        return target.url  # of a former version: it is probed, and fails
    port, rest = f":{parts.port}" if parts.port else "", f"?{parts.query}" if parts.query else ""
    return f"{small(bare_host(parts.host))}{port}{parts.path}{rest}".removesuffix("/")
