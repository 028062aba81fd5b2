"""Tests of certificates: what a server shows, and whether a visitor would accept it.

A test is a connection of its own, so a redirect, a keyword or a status changes nothing. It sends no request. OpenSSL
judges dates by the clock of this host; while that is known to be wrong nothing is tested. The fold judges them again.
"""

import asyncio
from typing import Any

from msgspec.structs import replace

from ingest.prober.probes.connection import Connector, Greet
from ingest.prober.probes.hosts import name_in_headers
from ingest.prober.probes.outcome import ProbeFailed, because
from ingest.prober.probes.shown_certificate import described
from ingest.prober.probes.smtp import start_tls
from schemas.base import Micros
from schemas.certificates import certificate_place
from schemas.monitors import Monitor, Sealed
from schemas.probe_kinds.smtp import tls_of
from schemas.probes import CertificateTested

# For the handshake, and the second one that reads a certificate which was refused.
SECONDS = 20.0


async def inspect_certificate(
    connector: Connector, monitor: Monitor, slot: Micros, region: str, at: Micros, sealed: Sealed | None = None
) -> CertificateTested:
    """Test the certificate of a monitor now. Never raises for what a server does. sealed: what its probes send."""
    result = CertificateTested(slot=slot, region=region, at=at, version=monitor.version)
    place = certificate_place(monitor)
    if place is None:
        return result
    greet: Greet | None = start_tls if monitor.kind == "smtp" and tls_of(monitor.target) != "implicit" else None
    try:
        async with asyncio.timeout(SECONDS):
            shown = await connector.of(monitor.project).shown(
                place.host, place.port or 0, greet, name_in_headers(sealed.headers) if sealed else ""
            )
    except ProbeFailed as failed:
        return _with(result, error=failed.detail)
    except TimeoutError:
        return _with(result, error=f"no answer within {SECONDS:g} s")
    except OSError as error:
        return _with(result, error=because(error, "closed").detail)
    certificate = None if shown.certificate is None else described(shown.certificate)
    if shown.refused:
        return _with(result, valid=False, error=shown.refused, certificate=certificate)
    if certificate is None:
        return _with(result, error="the certificate cannot be read")
    return _with(result, valid=True, certificate=certificate)


def _with(result: CertificateTested, **fields: Any) -> CertificateTested:
    return replace(result, **fields)
