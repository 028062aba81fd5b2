"""DNS probes: healthy if a resolver returns a record of the requested type (by default an address) for the name.

The resolver is that of this host or one that the monitor names, which must be an allowed target. With `expected`, one
of the records must have that value. Private addresses in answers are refused as for other probes, so that nobody can
explore the networks of this host.
"""

import asyncio
import re
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from dnslib import QTYPE, RCODE, TXT

from infra.egress.guard import public_or_empty
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.dns_question import Nameservers, Truncated, over_tcp, over_udp, question_with_edns
from ingest.prober.probes.outcome import ProbeFailed, Trace
from schemas.host_names import InvalidHost, encoded_host
from schemas.monitors import ProbeTarget, Sealed
from schemas.probe_kinds.dns import DNS_PORT
from schemas.servers import Server, parse_server

# What a resolver says that can learn nothing of a name.
UNKNOWN = str(RCODE.get(RCODE.SERVFAIL))
_ADDRESSES = ("A", "AAAA")
# So many of the records that were found are told.
_TOLD = 5
# A text as it stands in a zone.
_PART = re.compile(r'"((?:[^"\\]|\\.)*)"')
_QUOTED = re.compile(rf"\s*{_PART.pattern}(?:\s*{_PART.pattern})*\s*")
_ESCAPED = re.compile(r"\\(.)")


class _OnlyAlias(ProbeFailed):
    """There is another name for it, and nothing of the kind that was asked for."""


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the answer is well; raises `ProbeFailed` when it is not. The time limit is the caller's."""
    kinds = (target.record,) if target.record else _ADDRESSES
    named = _named(connector, target.resolver) if target.resolver else None
    if named is not None:
        trace.address = named.servers[0][0]
    began = time.perf_counter_ns()
    answers = await asyncio.gather(
        *(_ask(connector, named, target.host, kind, trace) for kind in kinds), return_exceptions=True
    )
    trace.lookup = (time.perf_counter_ns() - began) // 1_000
    found = [
        (kind, text) for kind, texts in zip(kinds, answers, strict=True) if isinstance(texts, list) for text in texts
    ]
    for kind, text in found:
        if kind in _ADDRESSES:
            connector.check(text, name=target.host)
    failed = next(
        (one for one in answers if isinstance(one, BaseException) and not (found and isinstance(one, _OnlyAlias))), None
    )
    if not found:
        raise failed or ProbeFailed("answer", f"no {target.record} record" if target.record else "no address")
    if target.expected and not any(_is_expected(target.expected, kind, text) for kind, text in found):
        raise failed or ProbeFailed("answer", _unexpected(target, [text for _, text in found]))


def _named(connector: Connector, text: str) -> Nameservers:
    try:
        server = parse_server(text, DNS_PORT)
    except ValueError:
        raise ProbeFailed("refused target", "not the address of a resolver") from None
    connector.check(*server)
    return Nameservers([server])


async def _ask(connector: Connector, named: Nameservers | None, host: str, kind: str, trace: Trace) -> list[str]:
    """The records of one kind, in one form."""
    asked = question_with_edns(host, kind)
    if named is not None:
        nameservers = named
        answer, server = await over_udp(named, asked)
        trace.answered = time.perf_counter_ns()
    else:
        resolver = connector.resolver
        nameservers = Nameservers(resolver.servers or system_servers(), is_local=True)
        trace.asked = time.monotonic()
        doubt = resolver.doubt_soon()
        try:
            answer, server = await over_udp(nameservers, asked)
            resolver.heard()
        finally:
            doubt.cancel()
        trace.asked = None  # which resolver of this host it was is told to nobody
    if isinstance(answer, Truncated):
        # What is told when the time ends before that of the connection does.
        trace.failed = nameservers.half(answer.size, "it is silent")
        answer = await over_tcp(nameservers, server, asked.plain, answer)
        trace.failed = None
    if answer.header.rcode != RCODE.NOERROR:
        raise ProbeFailed("answer", str(RCODE.get(answer.header.rcode, f"error {answer.header.rcode}")))
    found = [_normal(kind, _text(record.rdata)) for record in answer.rr if record.rtype == getattr(QTYPE, kind)]
    if not found and named is not None and (aliases := [one for one in answer.rr if one.rtype == QTYPE.CNAME]):
        end = _normal("CNAME", str(aliases[-1].rdata))
        raise _OnlyAlias("answer", f"only an alias: there is no {kind} record of {end}")
    return found


def _text(data: Any) -> str:
    """What a record holds; the parts of a long text are one."""
    return b"".join(data.data).decode(errors="replace") if isinstance(data, TXT) else str(data)


def _normal(kind: str, text: str) -> str:
    """What is the same to DNS, written the same: addresses, names in any case and with a dot at the end or without."""
    if kind == "TXT":
        return text
    if kind in _ADDRESSES:
        try:
            return str(ip_address(text.strip()))
        except ValueError:
            return text
    return " ".join(_normal_word(word) for word in text.replace('"', "").split())


def _normal_word(word: str) -> str:
    """A name, or another part of a record."""
    if not word.isascii():
        try:
            word = encoded_host(word, in_dns=True)
        except InvalidHost:
            return word
    return word.rstrip(".").lower() or word


def _is_expected(expected: str, kind: str, found: str) -> bool:
    """Whether a record is the expected one; a mail server may be expected whatever its preference, and a text as it is
    or as it stands in a zone: in parts, each within quotes."""
    wanted = _normal(kind, expected)
    if kind == "TXT" and _QUOTED.fullmatch(expected):
        wanted = "".join(_ESCAPED.sub(r"\1", part) for part in _PART.findall(expected))
        return found in (expected, wanted)
    return found == wanted or (kind == "MX" and found.partition(" ")[2] == wanted)


def _unexpected(target: ProbeTarget, found: list[str]) -> str:
    """What is there instead: public addresses, and what a resolver says that the monitor names. What else the resolver
    of this host knows is for nobody's eyes."""
    if target.record in ("", *_ADDRESSES):
        told = [public_or_empty(address) or "a private address" for address in sorted(found)]
        return f"found {', '.join(dict.fromkeys(told[:_TOLD]))}"
    if target.resolver:
        return f"found {', '.join(sorted(found)[:_TOLD])}"
    return f"none of {len(found)} records is the expected one"


def system_servers() -> list[Server]:
    """The resolvers that `/etc/resolv.conf` names; as the system does, this host when it names none."""
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    return [(line[1], DNS_PORT) for line in words if len(line) > 1 and line[0] == "nameserver"] or [
        ("127.0.0.1", DNS_PORT)
    ]
