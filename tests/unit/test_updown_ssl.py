"""Certificates and domains in the updown API (docs/compatibility/updown.md, "Certificates and domains")."""

import pytest

from schemas.base import encode
from schemas.certificates import DAY, Certificate
from schemas.probes import CertificateTested, DomainTested
from schemas.times import utc
from schemas.topics import PROBE_RESULTS
from tests.harness import Harness
from tests.updown_client import made, seen, updown

ERROR = "error code 20: unable to get local issuer certificate"


@pytest.fixture
def harness() -> Harness:
    return updown()


def examine(harness: Harness, id: str, error: str) -> Certificate:
    """A prober tests the certificate when that is due."""
    log = harness.log
    validity, state, monitor = log.monitor_states.validity(id), log.monitor_states.state(id), log.directory.monitor(id)
    assert state is not None
    assert monitor is not None
    slot = state.begun if validity is None else validity.due or state.begun
    log.time = max(log.time, slot)
    shown = Certificate(not_before=0, not_after=log.time // DAY * DAY + 99 * DAY, fingerprint="a" * 64)
    turn = 0 if validity is None else validity.turn
    region = monitor.probed_from[turn % len(monitor.probed_from)]
    fact = CertificateTested(slot=slot, region=region, at=log.time, valid=not error, error=error, certificate=shown)
    log.send(PROBE_RESULTS.name, id, encode(fact))
    log.tick(1)
    return shown


async def test_a_check_shows_its_certificate_and_is_not_down_for_it(harness: Harness) -> None:
    check = await made(harness)
    assert "ssl" not in check
    [monitor] = harness.log.directory.monitors_of(harness.project)
    assert monitor.target.verify is False
    assert harness.log.monitor_states.validity(monitor.id) is None
    shown = examine(harness, monitor.id, "")
    ssl = (await seen(harness, check["token"]))["ssl"]
    ends = utc(shown.not_after).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert list(ssl) == ["tested_at", "expires_at", "valid", "error"]
    assert ssl == ssl | {"expires_at": ends, "valid": True, "error": None}
    for _ in range(2):
        examine(harness, monitor.id, ERROR)
    check = await seen(harness, check["token"])
    assert (check["ssl"]["valid"], check["ssl"]["error"], check["down"]) == (False, ERROR, False)


async def test_a_check_shows_its_domain(harness: Harness) -> None:
    check = await made(harness)
    assert "domain" not in check
    [monitor] = harness.log.directory.monitors_of(harness.project)
    now = harness.log.time
    fact = DomainTested(region="local", at=now, expires=now + 90 * DAY + 5, source="RDAP")
    harness.log.send(PROBE_RESULTS.name, monitor.id, encode(fact))
    harness.log.tick(1)
    domain = (await seen(harness, check["token"]))["domain"]
    assert list(domain) == ["tested_at", "expires_at", "remaining_days", "source"]
    assert (domain["remaining_days"], domain["source"]) == (89, "RDAP")


async def test_a_check_without_tls_has_no_certificate(harness: Harness) -> None:
    check = await made(harness, url="http://plain.example.com")
    assert "ssl" not in await seen(harness, check["token"])
