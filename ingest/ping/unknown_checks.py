"""Limits pings for checks that this process does not know, because each of them costs a look-up of Kafka's end offsets.

An address (IPv6: a /64) has a budget for them; above it the response is 429. That is not recorded as a gap, because a
check that is not known yet has no deadline. If the look-up is not answered in time, a gap is recorded, except while
many such
requests are open: then their number may be the cause, and it must not affect other checks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import Forwarded, customer_of
from ingest.ping.responses import Scope

OF_ADDRESS = Budget(300, 0.2)
MANY = 200  # asking at the same time


class Lookup:
    """One of those who ask. among_many: whether many did, when it began or ended."""

    among_many = False


class UnknownCheckLimiter:
    """Of one process. Trusted proxies that name no client, and Unix sockets, have no bound."""

    def __init__(self, forwarded: Forwarded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._forwarded = forwarded
        self._budgets = Budgets(OF_ADDRESS, monotonic)
        self._asking = 0

    def must_wait(self, scope: Scope) -> bool:
        """Whether the address has asked for too many."""
        customer = self._customer(scope)
        return customer is not None and self._budgets.wait(customer) > 0

    def count(self, scope: Scope) -> None:
        """It has asked for one that is not there, or that nobody could tell."""
        customer = self._customer(scope)
        if customer is not None:
            self._budgets.spend(customer)

    @contextmanager
    def ask(self) -> Iterator[Lookup]:
        """While the log is being looked at."""
        asking = Lookup()
        self._asking += 1
        asking.among_many = self._asking >= MANY
        try:
            yield asking
        finally:
            asking.among_many |= self._asking >= MANY
            self._asking -= 1

    def _customer(self, scope: Scope) -> str | None:
        client = self._forwarded.client((scope.get("client") or ("", 0))[0], scope["headers"])
        return None if self._forwarded.is_trusted(client) else customer_of(client)
