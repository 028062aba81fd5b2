"""Host names of status pages: at `/` of one its page is shown, in place of the overview. An ASGI layer.

A page is found by the `Host` that a browser sends, so whatever stands in front (TLS, a proxy) must hand that on. Every
other path is what it is at any host.

Nobody loses the overview by a page: at the host of the base URL, and for whoever shows a session, `/` is the overview.
The base URL need not be set, so the hosts by which people reach Pingfold are not all known.
"""

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.dependencies import Dependencies
from query_api.http.host_asked import host_asked
from query_api.web.people.sessions import cookie_name


class OwnDomains:
    """Around `app`."""

    def __init__(self, app: ASGIApp, deps: Dependencies) -> None:
        self._app, self._directory = app, deps.directory
        self._cookie, self._own = cookie_name(deps), urlsplit(deps.settings.base_url).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; a request for `/` of such a host as one for its page."""
        page = self._page_asked(scope)
        if page is None:
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                # No cache gives the page to somebody who has signed in since.
                MutableHeaders(scope=message).add_vary_header("Cookie")
            await send(message)

        if self._cookie not in HTTPConnection(scope).cookies:
            scope = {**scope, "path": f"/status/{page}"}
        await self._app(scope, receive, sending)

    def _page_asked(self, scope: Scope) -> str | None:
        """The id of the page whose host is asked for `/`."""
        if scope["type"] != "http" or scope["path"] != "/":
            return None
        host = host_asked(scope["headers"])
        page = self._directory.page_of_domain(host) if host and host != self._own else None
        return None if page is None else page.id
