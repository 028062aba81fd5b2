"""Servers with certificates that are not by the book: probes fail and say why, and never fail themselves."""

import ssl
from pathlib import Path

import pytest

from ingest.prober.probes.certificate import inspect_certificate
from ingest.prober.probes.connection import tls_context
from schemas.probe_kinds import CERTIFICATE_REFUSED, PROBER_ERRORS
from tests.odd_certificates import KEY_PEM, ODD, certificate
from tests.probe_targets import V4, connecting, monitor, on_uvloop, probed, resolving, seen, serving, silent

# Those that OpenSSL does not even show.
NOT_SHOWN = frozenset({"unknown key", "a key that is none"})


def shows(shown: bytes, folder: Path) -> ssl.SSLContext | None:
    """A server's context with this certificate; None: OpenSSL does not take it."""
    file = folder / "odd.pem"
    file.write_text(KEY_PEM.decode() + ssl.DER_cert_to_PEM_cert(shown))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(file)
    except ssl.SSLError:
        return None
    return context


@pytest.mark.parametrize("what", sorted(ODD.keys() - NOT_SHOWN))
def test_a_server_with_an_odd_certificate(what: str, tmp_path: Path) -> None:
    shown = certificate(**ODD[what])
    context = shows(shown, tmp_path)
    if context is None:
        assert what != "nothing"
        return
    _is_probed(what, shown, context)


@on_uvloop
async def _is_probed(what: str, shown: bytes, context: ssl.SSLContext) -> None:
    trusting = tls_context()
    try:
        trusting.load_verify_locations(cadata=shown)
    except ssl.SSLError:
        assert what != "nothing"
    async with (
        resolving({"odd.test": [V4]}) as names,
        connecting(server=names.server) as stranger,
        connecting(server=names.server, verify=trusting) as friend,
        serving(silent, tls=context) as server,
    ):
        watched = monitor("tls", host="odd.test", port=server.port)
        for connector in (stranger, friend):
            result = await probed(connector, "tls", 20, host="odd.test", port=server.port)
            assert result.failure not in PROBER_ERRORS, result
            assert seen(result) in ("ok", "tls"), result
            assert result.ok or result.detail.startswith(
                (CERTIFICATE_REFUSED, "handshake failed", "the certificate")
            ), result
            tested = await inspect_certificate(connector, watched, 1, "local", 2)
            assert tested.valid is not None or tested.error, tested
        assert seen(await probed(stranger, "tls", 20, host="odd.test", port=server.port)) == "tls"
        assert (await probed(stranger, "tls", 20, host="odd.test", port=server.port, verify=False)).ok
        if what == "nothing":
            assert (await probed(friend, "tls", 20, host="odd.test", port=server.port)).ok
