"""`/checks/<id>/ping`: a ping from the page of a check, to see what one does. It is the same request as a job makes, to
the ping application of this process: the same limit holds, and it stands in the log with the address and the client of
whoever sent it.

The page says that the ping is recorded only when the ping application does. Where a process takes no pings, its pages
have no such button, and the request is answered 503.
"""

from typing import Annotated

import httpx
from fastapi import APIRouter, FastAPI, Header, Request, Response

from query_api.actors import address_of
from query_api.dependencies import DependenciesDep
from query_api.http.route_index import include
from query_api.web.checks.check_page import seen_check
from query_api.web.checks.ping_signals import SIGNALS
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import must_edit, saved
from query_api.web.page import NoPage

router = APIRouter(include_in_schema=False)

_RECORDED = "OK"
# What else the ping application answers, as far as it may answer it here.
_REFUSED = {
    "OK (rate limited)": (429, "Too many pings of this check came in this minute: this one is not recorded."),
    "OK (not found)": (404, "There is no such check."),
}
_NOT_TAKEN = "The ping is not recorded: pings cannot be stored now. Try again in a moment."


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    include(app, router)


@router.post("/checks/{code}/ping")
async def ping_now(
    request: Request,
    deps: DependenciesDep,
    posted: PostedFormDep,
    code: str,
    user_agent: Annotated[str, Header()] = "",
) -> Response:
    """Ping a check. `signal`: one of `SIGNALS`."""
    check = await seen_check(deps, posted.viewer, code)
    must_edit(posted.viewer, check.project)
    signal = posted.one("signal")
    if signal not in SIGNALS:
        raise NoPage("One of the signals that the page offers is needed.", 400)
    if deps.ping_app is None:
        raise NoPage("This process takes no pings: use the ping URL of the check.", 503)
    transport = httpx.ASGITransport(deps.ping_app, client=(address_of(request), 0))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        path = f"/ping/{check.id}{f'/{signal}' if signal else ''}"
        answer = await client.post(path, headers={b"User-Agent": user_agent.encode("latin-1")})
    if answer.text == _RECORDED:
        return saved(deps, f"/checks/{check.id}", "pinged")
    status, words = _REFUSED.get(answer.text, (503, _NOT_TAKEN))
    raise NoPage(words, status)
