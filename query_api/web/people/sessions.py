"""The session of a browser: a signed cookie, which says who signed in and when. No process remembers one.

So any web process answers, and a restart signs nobody out. A session ends when the person is not seen for
`session_idle`, `session_longest` after the sign-in, when he signs out of it, and when its stamp is not the person's any
more: he signed out everywhere, or changed what he signs in with. That of the owner of the instance ends with another
admin password. Whoever has a copy of the cookie has the same session, which ends with it.

The cookie is HttpOnly and SameSite=Lax. Behind https it is Secure, and its name says so to the browser (`__Host-`).
"""

from http.cookies import SimpleCookie

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.secrets.people_tokens import Session
from query_api.dependencies import Dependencies
from schemas.base import SECOND, Micros

# A session that was seen so long ago is written anew.
_RENEWED_AFTER: Micros = 60 * SECOND
# So far a clock of another web process may be ahead.
_AHEAD: Micros = 300 * SECOND
_LONGEST_TOKEN = 200


def session_of(request: Request, deps: Dependencies) -> Session | None:
    """The session that a request shows, within its bounds of time; renewed when it is time."""
    token = request.cookies.get(cookie_name(deps), "")
    session = deps.people_tokens.read_session(token) if len(token) <= _LONGEST_TOKEN else None
    if session is None:
        return None
    now = deps.clock.now()
    idle, longest = deps.settings.session_idle * SECOND, deps.settings.session_longest * SECOND
    if max(session.seen, session.began) > now + _AHEAD or now >= session.seen + idle or now >= session.began + longest:
        return None
    if now - session.seen >= _RENEWED_AFTER:
        request.state.session_cookie = cookie(deps, session._replace(seen=now))
    return session


def begin_session(deps: Dependencies, person: str, stamp: bytes) -> tuple[Session, str]:
    """A new session, and the `Set-Cookie` that gives it to the browser."""
    session = deps.people_tokens.new_session(person, stamp, deps.clock.now())
    return session, cookie(deps, session)


def cookie_name(deps: Dependencies) -> str:
    """The name of the cookie. What the browser checks of a `__Host-` cookie, it cannot below a path."""
    if not _is_secure(deps):
        return f"pingfold_{deps.people_tokens.name}"
    return f"{'__Secure' if deps.settings.root else '__Host'}-pingfold_{deps.people_tokens.name}"


def cookie(deps: Dependencies, session: Session | None) -> str:
    """The `Set-Cookie` header of a session; None: the browser forgets it."""
    name = cookie_name(deps)
    jar = SimpleCookie({name: "" if session is None else deps.people_tokens.session_token(session)})
    for attribute, value in (
        ("path", f"{deps.settings.root}/"),
        ("max-age", 0 if session is None else deps.settings.session_idle),
        ("samesite", "Lax"),
        ("httponly", True),
        ("secure", _is_secure(deps)),
    ):
        jar[name][attribute] = value
    return jar[name].OutputString()


class RenewSessions:
    """An ASGI layer that gives a browser the renewed cookie with whatever is answered, unless that sets one itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and complete the head of the answer."""

        async def sending(message: Message) -> None:
            renewed = scope.get("state", {}).get("session_cookie")
            if renewed and message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if all(name.lower() != b"set-cookie" for name, _ in headers):
                    message = {**message, "headers": [*headers, (b"set-cookie", renewed.encode("latin-1"))]}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _is_secure(deps: Dependencies) -> bool:
    return deps.settings.base_url.startswith("https://")
