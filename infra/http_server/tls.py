"""The certificates of the HTTP server and their keys, read again when their files change; chosen by server name.

A renewal (certbot's, for example) needs no restart: new connections get the new certificate. Files that cannot be used,
such as a key that does not belong to the certificate, change nothing: the old certificate stays, the fault is logged
and counted, and the files are looked at again as soon as they change.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from socket import socket
from typing import NamedTuple

import structlog
from cryptography import x509
from prometheus_client import Counter, Gauge

from infra import metrics as metrics_table
from infra.errors import InfraError

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
_ALPN = ["h2", "http/1.1"]
# What is raised for the names of a certificate that are not there, or that nobody can read.
NAMELESS = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError)

_Stamp = tuple[tuple[int, int, int] | None, ...]
# What OpenSSL calls with the name that a client has given: see `ssl.SSLContext.sni_callback`.
_Choice = Callable[[ssl.SSLSocket | ssl.SSLObject, str | None, ssl.SSLContext], None]


class CannotServeTls(InfraError):
    """The files do not give a certificate with its key: end with the message, which says why and what to do."""


class ServerCertificates:
    """Of each pair of a certificate and its key, the newest that could be used.

    A client that names the server (SNI) is shown the first certificate that is for this name; all others, and those who
    name none, are shown the first of all. Raises `CannotServeTls` at the start.
    """

    def __init__(self, *pairs: tuple[Path, Path]) -> None:
        choose = self._choose if len(pairs) > 1 else None
        self._pairs = [_Pair(certificate, key, choose) for certificate, key in pairs]
        self._seen = self._stamp()

    @property
    def context(self) -> ssl.SSLContext:
        """For new connections."""
        return self._pairs[0].context

    async def keep_fresh(self, seconds: float = _LOOK_SECONDS) -> None:
        """Look at the files, for ever."""
        changed = self._seen
        while True:
            _metrics()[0].set(min(pair.ends for pair in self._pairs).timestamp())
            await asyncio.sleep(seconds)
            stamp = await asyncio.to_thread(self._stamp)
            # Certificate and key are written one after the other: both have to stand still before they are read.
            if stamp == changed and stamp != self._seen:
                await asyncio.to_thread(self.reload)
            changed = stamp

    def reload(self) -> bool:
        """Take the files that have changed as they are now; whether all of them could be used."""
        self._seen = self._stamp()
        return all([pair.reload() for pair in self._pairs])

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        """Called by OpenSSL in a handshake, with the name that the client has given."""
        chosen = next((pair for pair in self._pairs if name and pair.is_for(name)), self._pairs[0])
        if chosen is not self._pairs[0]:
            connection.context = chosen.context

    def _stamp(self) -> list[_Stamp]:
        return [pair.stamp() for pair in self._pairs]


class _Read(NamedTuple):
    """What the files of a pair have given. names: of hosts, in lower case."""

    context: ssl.SSLContext
    ends: datetime
    names: frozenset[str]


class _Pair:
    """A certificate and its key: what was read of both last, and could be used. choose: another one, by name."""

    def __init__(self, certificate: Path, key: Path, choose: _Choice | None) -> None:
        self._certificate, self._key, self._choose = certificate, key, choose
        self._seen = self.stamp()
        self._read = self._load()

    @property
    def context(self) -> ssl.SSLContext:
        return self._read.context

    @property
    def ends(self) -> datetime:
        return self._read.ends

    def is_for(self, name: str) -> bool:
        """Whether the certificate is for this host, by itself or by a wildcard for its first label."""
        name = name.lower().rstrip(".")
        return name in self._read.names or f"*.{name.partition('.')[2]}" in self._read.names

    def reload(self) -> bool:
        """Take the files as they are now, if they have changed; whether they could be used."""
        stamp = self.stamp()
        if stamp == self._seen:
            return True
        self._seen = stamp
        try:
            self._read = self._load()
        except CannotServeTls as error:
            _metrics()[1].inc()
            log.warning("tls.certificate_kept", why=f"{error}; the certificate that was read before is used on")
            return False
        log.info("tls.certificate_read", file=str(self._certificate))
        return True

    def stamp(self) -> _Stamp:
        return tuple(_stamp_of(path) for path in (self._certificate, self._key))

    def _load(self) -> _Read:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(_ALPN)
        context.sni_callback = self._choose
        own = self._own()
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_to_ask)
        except _EncryptedKey:
            raise CannotServeTls(
                f"the key {self._key} needs a passphrase, which Pingfold cannot ask for: store it without one "
                f"(openssl pkey -in {self._key}), with mode 0600"
            ) from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise CannotServeTls(
                    f"the key {self._key} does not belong to the certificate {self._certificate}; set "
                    "PINGFOLD_TLS_CERTIFICATE and PINGFOLD_TLS_KEY to files of one pair"
                ) from error
            raise CannotServeTls(f"{self._key} holds no key in PEM; set PINGFOLD_TLS_KEY") from error
        except OSError as error:
            raise CannotServeTls(_unreadable(self._key, "PINGFOLD_TLS_KEY", error)) from error
        return _Read(context, own.not_valid_after_utc, _names_of(own))

    def _own(self) -> x509.Certificate:
        """The first certificate of the file, which is the server's own."""
        setting = "PINGFOLD_TLS_CERTIFICATE"
        try:
            chain = x509.load_pem_x509_certificates(self._certificate.read_bytes())
        except OSError as error:
            raise CannotServeTls(_unreadable(self._certificate, setting, error)) from error
        except ValueError:
            chain = []
        if not chain:
            raise CannotServeTls(
                f"{self._certificate} holds no certificate in PEM; set {setting} to the full chain, our own first"
            )
        return chain[0]


class Tls(NamedTuple):
    """What TLS is spoken with, and where."""

    certificates: ServerCertificates
    listeners: tuple[socket, ...]


class _EncryptedKey(InfraError):
    """OpenSSL asks for a passphrase."""


def _refuse_to_ask() -> str:
    raise _EncryptedKey


@cache
def _metrics() -> tuple[Gauge, Counter]:
    """Only of a process that speaks TLS."""
    return metrics_table.TLS_CERTIFICATE_EXPIRES.create(), metrics_table.TLS_RELOAD_FAILURES.create()


def _names_of(certificate: x509.Certificate) -> frozenset[str]:
    """The hosts that it is for. As with clients of today, those of its subject do not count."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except NAMELESS:  # or nobody can read it: it is shown to those who name no other one
        return frozenset()
    return frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _unreadable(path: Path, setting: str, error: OSError) -> str:
    return f"cannot read {path} ({error.strerror or error}); set {setting}, or let the user of Pingfold read it"
