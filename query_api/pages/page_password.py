"""The password of a status page: HTTP Basic, any user name. Browsers, feed readers and scripts all speak it.

A page that asks for none is open; a password that was right once is known at once from then on.
"""

from fastapi import Request

from infra.http_server.forwarded import Forwarded
from infra.secrets.basic_auth import basic_password
from query_api.http.refusals import ApiError
from query_api.pages.guessing import PasswordGuessLimiter, PasswordHashes
from query_api.password_pool import PasswordPool
from schemas.status_pages import StatusPage

LONGEST_PASSWORD = 200

_ASK = {"WWW-Authenticate": 'Basic realm="Status page", charset="UTF-8"', "Cache-Control": "no-store"}


class PagePasswordGuard:
    """Lets in who knows the password of a page."""

    def __init__(self, forwarded: Forwarded, pool: PasswordPool) -> None:
        self._hashes, self._guesses = PasswordHashes(pool), PasswordGuessLimiter("status page", forwarded)

    async def must_know(self, page: StatusPage, request: Request) -> None:
        """Ends the request with 401 unless it shows the password, with 429 after too many that were wrong."""
        password = given_password(request.headers.get("authorization"))
        if password is None:
            raise ApiError(401, "the password of the page is needed", _ASK)
        if self._hashes.remembers(password, page.password):
            return
        self._guesses.begin(page.id, request)
        try:
            is_right = await self._hashes.is_right(page.id, password, page.password)
        except BaseException:
            self._guesses.unseen(page.id, request)
            raise
        if not is_right:
            self._guesses.wrong(page.id, request)
            raise ApiError(401, "the password of the page is needed", _ASK)
        self._guesses.right(page.id, request)


def given_password(authorization: str | None) -> str | None:
    """The password of HTTP Basic; None when there is none, or one that nobody has."""
    password = basic_password(authorization)
    return password if password and len(password) <= LONGEST_PASSWORD else None
