"""The password of a status page: HTTP Basic, any user name. Browsers, feed readers and scripts all speak it.

Looking at a password takes a tenth of a second of a core, which is done in a thread, by few at once; one that was right
is remembered, as a digest that only this process can make.
"""

import asyncio
import hmac
import secrets
from base64 import b64decode

from fastapi import Request

from infra.passwords import is_password
from query_api.refusals import Refusal
from schemas.status_pages import StatusPage

LONGEST_PASSWORD = 200

_AT_ONCE, _MOST_WAITING = 2, 20
_MOST_REMEMBERED = 1_000
_ASK = {"WWW-Authenticate": 'Basic realm="Status page", charset="UTF-8"', "Cache-Control": "no-store"}


class Doorkeeper:
    """Lets in who knows the password of a page."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._remembered: dict[bytes, None] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def must_know(self, page: StatusPage, request: Request) -> None:
        """Ends the request with 401 unless it shows the password."""
        password = _password(request.headers.get("authorization"))
        if password is None or not await self._is_right(password, page.password):
            raise Refusal(401, "the password of the page is needed", _ASK)

    async def _is_right(self, password: str, stored: str) -> bool:
        digest = hmac.digest(self._secret, f"{stored}\n{password}".encode(), "sha256")
        if digest in self._remembered:
            return True
        if self._waiting >= _MOST_WAITING:
            raise Refusal(503, "too many passwords to look at", {"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._turns:
                right = await asyncio.to_thread(is_password, password, stored)
        finally:
            self._waiting -= 1
        if right:
            if len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[digest] = None
        return right


def _password(authorization: str | None) -> str | None:
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        password = b64decode(text.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return None
    return password if 0 < len(password) <= LONGEST_PASSWORD else None
