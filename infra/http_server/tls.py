"""The certificate of the HTTP server and its key, read again when their files change.

A renewal (certbot's, for example) needs no restart: new connections get the new certificate. Files that cannot be used,
such as a key that does not belong to the certificate, change nothing: the old certificate stays, the fault is logged
and counted, and the files are looked at again as soon as they change.
"""

import asyncio
import os
import ssl
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


class CannotServeTls(InfraError):
    """The files do not give a certificate with its key: end with the message, which says why and what to do."""


class ServerCertificate:
    """context: for new connections, of the newest files that could be used. Raises `CannotServeTls` at the start."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._seen = self._stamp()
        self.context = self._load()

    async def keep_fresh(self, seconds: float = _LOOK_SECONDS) -> None:
        """Look at the files, for ever."""
        changed = self._seen
        while True:
            _metrics()[0].set(self._ends.timestamp())
            await asyncio.sleep(seconds)
            stamp = await asyncio.to_thread(self._stamp)
            # Certificate and key are written one after the other: both have to stand still before they are read.
            if stamp == changed and stamp != self._seen:
                await asyncio.to_thread(self.reload)
            changed = stamp

    def reload(self) -> bool:
        """Take the files as they are now; whether they could be used."""
        self._seen = self._stamp()
        try:
            self.context = self._load()
        except CannotServeTls as error:
            _metrics()[1].inc()
            log.warning("tls.certificate_kept", why=f"{error}; the certificate that was read before is used on")
            return False
        log.info("tls.certificate_read", file=str(self._certificate))
        return True

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(_ALPN)
        expires = self._expires()
        try:
            context.load_cert_chain(self._certificate, self._key, password=_refuse_to_ask)
        except _EncryptedKey:
            raise CannotServeTls(
                f"the key {self._key} needs a passphrase, which nobody could type in at a start: store it without one "
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
        self._ends = expires
        return context

    def _expires(self) -> datetime:
        """When the first certificate of the file ends, which is the server's own."""
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
        return chain[0].not_valid_after_utc

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp_of(path) for path in (self._certificate, self._key))


class Tls(NamedTuple):
    """What TLS is spoken with, and where."""

    certificate: ServerCertificate
    listeners: tuple[socket, ...]


class _EncryptedKey(InfraError):
    """OpenSSL asks for a passphrase."""


def _refuse_to_ask() -> str:
    raise _EncryptedKey


@cache
def _metrics() -> tuple[Gauge, Counter]:
    """Only of a process that speaks TLS."""
    return metrics_table.TLS_CERTIFICATE_EXPIRES.create(), metrics_table.TLS_RELOAD_FAILURES.create()


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _unreadable(path: Path, setting: str, error: OSError) -> str:
    return f"cannot read {path} ({error.strerror or error}); set {setting}, or let the user of Pingfold read it"
