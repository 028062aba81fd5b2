"""The kinds of probes, by name: the one place where a kind is registered (docs/decisions/0068).

`PROBE_KINDS` holds the pure half of each; the prober finds the half that runs by the same name.
"""

from collections.abc import Mapping
from typing import Any, Literal

from schemas.probe_kinds import dns, http, icmp, smtp, tcp, tls
from schemas.probe_kinds.kind import ProbeKind

MonitorKind = Literal["http", "tcp", "tls", "icmp", "dns", "smtp"]

PROBE_KINDS: Mapping[MonitorKind, ProbeKind[Any]] = {
    "http": http.KIND,
    "tcp": tcp.KIND,
    "tls": tls.KIND,
    "icmp": icmp.KIND,
    "dns": dns.KIND,
    "smtp": smtp.KIND,
}

# Why a probe failed. `prober_error`: the prober itself could not probe (no sockets, no resolver); it says nothing about
# the target. `ours` means the same in events of older versions.
Failure = Literal[
    "",
    "name",
    "refused target",
    "connect",
    "timeout",
    "tls",
    "closed",
    "protocol",
    "status",
    "keyword",
    "redirects",
    "answer",
    "prober_error",
    "ours",
]
PROBER_ERRORS: frozenset[Failure] = frozenset({"prober_error", "ours"})

# Details that are read: they begin that of a `timeout`, and of a failure of `tls`.
IN_TLS_HANDSHAKE = "in the TLS handshake, "
CERTIFICATE_REFUSED = "certificate refused: "

# Each failure in words, as the cause of an incident. What accuses nobody has none.
FAILURE_WORDS: Mapping[str, str] = {
    "name": "Name could not be resolved",
    "refused target": "Address may not be probed",
    "connect": "Connection failed",
    "timeout": "Connection timed out",
    "tls": "TLS failed",
    "closed": "Connection was closed",
    "protocol": "Answer is not valid",
} | {failure: words for kind in PROBE_KINDS.values() for failure, words in kind.failures.items()}
