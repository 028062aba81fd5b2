"""Host names of status pages: at `/` of one its page is shown, in place of the overview. An ASGI layer.

A page is found by the `Host` that a browser sends, so whatever stands in front (TLS, a proxy) must hand that on. Every
other path is what it is at any host.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from query_api.dependencies import Dependencies


class OwnDomains:
    """Around `app`."""

    def __init__(self, app: ASGIApp, deps: Dependencies) -> None:
        self._app, self._directory = app, deps.directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; a request for `/` of such a host as one for its page."""
        if scope["type"] == "http" and scope["path"] == "/":
            page = self._directory.page_of_domain(_host(scope))
            if page is not None:
                scope = {**scope, "path": f"/status/{page.id}"}
        await self._app(scope, receive, send)


def _host(scope: Scope) -> str:
    """The host name that was asked, without its port."""
    value: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return value.decode("latin-1").rpartition("@")[2].partition(":")[0].rstrip(".").lower()
