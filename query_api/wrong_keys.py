"""A limit on wrong API keys per address.

Wrong keys count for the client address (for IPv6 its /64). Above the limit a wrong key is rejected without a lookup in
Kafka, which is its cost. Known keys are neither counted nor rejected: keys have at least 120 random bits and cannot be
guessed, so the limit need not block valid clients.
"""

import time
from collections.abc import Callable
from math import ceil

import structlog
from starlette.types import Scope

from infra import metrics as metrics_table
from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import Forwarded, customer_of
from infra.process.repeats import Repeats
from query_api.errors import QueryApiError

log = structlog.get_logger(__name__)

OF_ADDRESS = Budget(100, 1.0)

_WRONG = metrics_table.WRONG_API_KEYS.create()


class TooManyWrongKeys(QueryApiError):
    """The address has shown so many that the next one has to wait; `seconds` for how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong API keys from your address; try again in {seconds} s")
        self.seconds = seconds


class WrongKeyLimiter:
    """The brake of one process."""

    def __init__(self, forwarded: Forwarded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._forwarded = forwarded
        self._budgets = Budgets(OF_ADDRESS, monotonic)
        self._lines = Repeats(clock=monotonic)

    def must_wait(self, scope: Scope) -> None:
        """Raises `TooManyWrongKeys` when the budget of the address is spent."""
        seconds = ceil(self._budgets.wait(self.caller(scope)))
        if seconds > 0:
            _WRONG.labels("refused").inc()
            raise TooManyWrongKeys(seconds)

    def count(self, scope: Scope) -> None:
        """A wrong key was shown."""
        caller = self.caller(scope)
        self._budgets.spend(caller)
        _WRONG.labels("wrong").inc()
        if (left_out := self._lines.admit("key.wrong")) is not None:
            log.warning("key.wrong", address=caller, left_out=left_out)

    def caller(self, scope: Scope) -> str:
        """Whom a request is counted for when it shows no key that is known: an address, or a network of IPv6."""
        client = self._forwarded.client((scope.get("client") or ("", 0))[0], scope["headers"])
        return customer_of(client) or client
