"""Where forms have led that this process took last: one that comes again is led there again, and does nothing.

So whoever presses a button twice, or loads again what a button led to, ends where he would have ended. It is a
kindness of one process and no promise: what a form asks for is taken once by the fold, whichever process is asked
(`query_api.sent_form`). A form that was not taken is judged anew each time.
"""

from collections import OrderedDict

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query_api.errors import QueryApiError

_MOST = 2_000
_SEE_OTHER = 303
_MARK = "form_mark"


class TakenBefore(QueryApiError):
    """Ends a request with a form that was taken. location: where it led."""

    def __init__(self, location: str) -> None:
        super().__init__("the form was taken before")
        self.location = location


class TakenForms:
    """An ASGI layer that notes where a form leads; `app.state.taken_forms`."""

    def __init__(self, app: ASGIApp, led: OrderedDict[str, str]) -> None:
        self._app, self._led = app, led

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and look where a form that was taken leads."""

        async def sending(message: Message) -> None:
            mark = scope.get("state", {}).get(_MARK)
            if mark and message["type"] == "http.response.start" and message["status"] == _SEE_OTHER:
                location = next((value for name, value in message["headers"] if name == b"location"), b"")
                self._led[mark] = location.decode("latin-1")
                if len(self._led) > _MOST:
                    self._led.popitem(last=False)
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" and scope["method"] == "POST" else send)


def install(app: FastAPI) -> None:
    """Have `TakenBefore` answered, and forms noted."""
    led: OrderedDict[str, str] = OrderedDict()
    app.state.taken_forms = led
    app.add_middleware(TakenForms, led=led)
    app.add_exception_handler(TakenBefore, _led_again)


def must_be_new(request: Request, mark: str) -> None:
    """Ends a request with a form that this process has taken. Raises `TakenBefore`."""
    led: OrderedDict[str, str] = request.app.state.taken_forms
    if (location := led.get(mark)) is not None:
        raise TakenBefore(location)
    request.scope.setdefault("state", {})[_MARK] = mark


async def _led_again(_: Request, taken: Exception) -> Response:
    assert isinstance(taken, TakenBefore)
    return RedirectResponse(taken.location, _SEE_OTHER, {"Cache-Control": "no-store"})
