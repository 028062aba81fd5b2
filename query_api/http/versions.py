"""Versions of things, as headers: what an answer shows has one, and a change may say which one it was made from.

`Pingfold-Version` of an answer is the version of the thing that its path names; it grows by one with each change of
what people set. `Pingfold-If-Version` of a request makes the fold refuse it (409) when the thing has another one by
then: of two editors the second is told. It is no `ETag`: that is of all that is shown, a status that changes by itself
among it.
"""

import re
from collections.abc import Callable
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.errors import ValidationError

VERSION_HEADER: Final = "Pingfold-Version"
IF_VERSION_HEADER: Final = "Pingfold-If-Version"
_SHOWN: Final = "pingfold.version"
_NUMBER = re.compile(r"[0-9]{1,15}")


class InvalidVersion(ValidationError):
    """`Pingfold-If-Version` is no version; the text is a sentence without a full stop."""


class Versions:
    """Around an API: puts the version of what is shown into the answer. speaks: whether a path is of the API."""

    def __init__(self, app: ASGIApp, speaks: Callable[[str], bool]) -> None:
        self._app, self._speaks = app, speaks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; answers of which a version was told get the header."""
        if scope["type"] != "http" or not self._speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        shown: dict[str, int] = scope.setdefault(_SHOWN, {})

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300 and "version" in shown:
                told = (VERSION_HEADER.lower().encode(), str(shown["version"]).encode())
                message = {**message, "headers": [*message.get("headers", ()), told]}
            await send(message)

        await self._app(scope, receive, sending)


def show_version(request: Request, thing: object) -> None:
    """Note the version of what the answer shows; what is noted last counts. What has none is left out."""
    version = getattr(thing, "version", None)
    if isinstance(version, int):
        request.scope.setdefault(_SHOWN, {})["version"] = version


def version_asked(request: Request) -> int | None:
    """The version that a change was made from; None: it does not say. Raises `InvalidVersion`."""
    given = request.headers.get(IF_VERSION_HEADER)
    if given is None:
        return None
    if not _NUMBER.fullmatch(given.strip()):
        raise InvalidVersion(f"Header {IF_VERSION_HEADER} must be a version, as {VERSION_HEADER} tells it")
    return int(given)
