"""How many connections a web process takes, by its settings and the limit of open files."""

from typing import Any

import pytest

from infra.settings.settings import Settings
from pingfold.roles import web


@pytest.mark.parametrize(
    ("allowed", "given", "most", "of_peer"),
    [
        (100_000, {}, 16_384, 4_096),
        (20_480, {}, 16_384, 4_096),
        (768, {}, 384, 96),  # as many again may come before one of them is looked at
        (6_000, {}, 3_000, 750),
        (10_000, {}, 5_904, 1_476),
        (100_000, {"connections": 100}, 100, 25),
        (100_000, {"connections": 100, "connections_per_peer": 0}, 100, 100),
        (768, {"connections_per_peer": 7}, 384, 7),
    ],
)
def test_room(monkeypatch: pytest.MonkeyPatch, allowed: int, given: dict[str, Any], most: int, of_peer: int) -> None:
    monkeypatch.setattr(web, "connections", lambda wanted: min(wanted, allowed))
    limiter = web.connection_limiter(Settings(**given), None)
    assert (limiter.bounds.most, limiter.bounds.most_per_peer) == (most, of_peer)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),  # a customer has a /64
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_who_is_one_peer(one: str, other: str, same: bool) -> None:
    limiter = web.connection_limiter(Settings(connections_per_peer=1), None)
    names = [limiter.name_of(host) for host in (one, other)]
    assert (names[0] == names[1]) is same


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "", "a unix socket"])
def test_trusted_proxies_are_no_peers(host: str) -> None:
    assert web.connection_limiter(Settings(), None).name_of(host) is None
