"""The certificates of `PINGFOLD_TLS_CERTIFICATE` as clients judge them, and the ports that show them.

OpenSSL judges names and authorities, in a handshake within this process: it is what clients use, or agree with.
"""

import os
import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from infra.clock import SYSTEM_CLOCK
from infra.http_server.tls import NAMELESS, CannotServeTls, ServerCertificates
from infra.settings.settings import Settings
from pingfold.doctor.findings import Finding, what_and_do
from pingfold.roles.listeners import certificates_of
from schemas.servers import Server
from schemas.times import utc

_SUBJECT = "certificate"
_PATIENCE_SECONDS = 10.0
# Renewals come a third of the time before the end: of 90 days when 30 are left.
_SOON = timedelta(days=14)
_PART = 6
# Flags that Python's `ssl` does not name: X509_V_FLAG_NO_CHECK_TIME. The time is judged by itself.
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
# More than a handshake of TLS needs.
_FLIGHTS = 10
_HTTPS = 443
_NAMES_SHOWN = 5
_LISTENS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def https(settings: Settings, is_running: bool, now: datetime | None = None) -> Iterator[Finding]:
    """The certificates, and, while Pingfold runs, what its TLS ports show. Nothing where none is set."""
    try:
        served = certificates_of(settings)
    except CannotServeTls as error:
        yield Finding("problem", _SUBJECT, *what_and_do(str(error)))
        return
    if served is None:
        return
    at = utc(SYSTEM_CLOCK.real()) if now is None else now
    pairs = settings.tls_pairs
    owns = [x509.load_pem_x509_certificates(file.read_bytes())[0] for file, _ in pairs]
    faults = 0
    for pair, own in zip(pairs, owns, strict=True):
        for fault in (*_validity(own, at), *_authorities(_context(pair)), *_readable_by_all(pair[1])):
            faults += 1
            yield fault._replace(found=f"{pair[0]} {fault.found}")
    for fault in _names(settings, [file for file, _ in pairs], owns, served.context):
        faults += 1
        yield fault
    if not faults:
        for (file, _), own in zip(pairs, owns, strict=True):
            yield Finding("ok", _SUBJECT, f"{file}, for {_listed(own)}, until {_day(own.not_valid_after_utc)}")
    if is_running:
        yield from _ports(settings, owns[0])


def _context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    return ServerCertificates(pair).context


def _validity(own: x509.Certificate, now: datetime) -> Iterator[Finding]:
    begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
    if now >= ends:
        yield Finding("problem", _SUBJECT, f"ended on {_day(ends)}: clients refuse it", "renew it")
    elif now < begins:
        do = "correct the clock, or get another one"
        yield Finding("problem", _SUBJECT, f"is valid from {_day(begins)} on: clients refuse it", do)
    elif ends - now < min(_SOON, (ends - begins) / _PART):
        left = (ends - now) // timedelta(hours=1)
        words = f"ends on {_day(ends)}, in {left // 24} days" if left >= 48 else f"ends in {left} hours"
        yield Finding("warning", _SUBJECT, words, "renew it, and see why that was not done by itself")


def _names(
    settings: Settings, files: list[Path], owns: list[x509.Certificate], served: ssl.SSLContext
) -> Iterator[Finding]:
    """Whether there is one for the host of each address that Pingfold shows."""
    ports = {port for _, port in settings.tls_addresses}
    shown = {"PINGFOLD_BASE_URL": settings.public_url, "PINGFOLD_PING_ENDPOINT": settings.ping_endpoint}
    secure = {name: parts for name, url in shown.items() if url and (parts := urlsplit(url)).scheme == "https"}
    if not secure:
        do = "set PINGFOLD_BASE_URL=https://..., if clients are to use HTTPS"
        yield Finding("warning", _SUBJECT, f"links that Pingfold shows begin with {settings.base_url}", do)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in files:
        client.load_verify_locations(file)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    for setting, parts in secure.items():
        host = parts.hostname or ""
        if why := refusal(served, client, host):
            found = f"there is none for {host} of {setting} ({why}), but for {', '.join(map(_listed, owns))}"
            if (parts.port or _HTTPS) in ports:
                yield Finding("problem", _SUBJECT, found, f"get one for {host}, or correct {setting}")
            else:
                do = f"get one for {host}, unless a proxy stands in front that has one"
                yield Finding("warning", _SUBJECT, found, do)


def _authorities(served: ssl.SSLContext) -> Iterator[Finding]:
    client = ssl.create_default_context()
    client.check_hostname = False
    # Python is stricter than most clients: it wants what old authorities do not have.
    client.verify_flags = (client.verify_flags & ~ssl.VERIFY_X509_STRICT) | _NO_CHECK_TIME
    if why := refusal(served, client):
        do = (
            "give the full chain; of an authority of your own, clients must trust it (SSL_CERT_FILE for Pingfold's own)"
        )
        yield Finding("warning", _SUBJECT, f"is not trusted by this machine ({why})", do)


def refusal(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None = None) -> str:
    """Why a client does not take what a server shows, in OpenSSL's words; empty when it does. Nothing is sent."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server, server_hostname=host)
    answers = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_FLIGHTS):
        try:
            done = [_is_done(side) for side in (asks, answers)]
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError as error:
            return error.reason or str(error)
        if all(done):
            return ""
    return "the handshake does not end"


def _is_done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _readable_by_all(key: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(os.stat(key).st_mode)
    if mode & 0o004:
        yield Finding(
            "warning", _SUBJECT, f"has a key that everybody may read ({key}, mode {mode:04o})", f"chmod o= {key}"
        )


def _ports(settings: Settings, own: x509.Certificate) -> Iterator[Finding]:
    """Whether the ports of a running Pingfold show the certificate that the (first) file has."""
    for host, port in settings.tls_addresses:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            shown = _shown_at((_LISTENS.get(host, host), port))
        except OSError as error:
            do = "restart Pingfold with the settings of this command"
            yield Finding("problem", "HTTPS", f"does not answer at {where} ({error})", do)
            continue
        if shown == own.public_bytes(Encoding.DER):
            yield Finding("ok", "HTTPS", f"answers at {where}")
        else:
            do = "look for tls.certificate_kept in the log of the web process; a new file is read within 10 s"
            yield Finding("warning", "HTTPS", f"another certificate than that of the file is shown at {where}", do)


def _shown_at(address: Server) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(address, _PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain) as secured,
    ):
        return secured.getpeercert(binary_form=True)


def _listed(own: x509.Certificate) -> str:
    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except NAMELESS:
        return "no name"
    told = [str(name.value) for name in islice(names, _NAMES_SHOWN)]
    more = len(list(names)) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
