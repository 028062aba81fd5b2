"""A page of the web application: one template over `base.html`, for one viewer, which nobody keeps.

A page loads its own styles and scripts (`assets`) and nothing else; nothing written into it runs.
"""

import asyncio
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.web import assets
from query_api.web.forms.forms import form_token
from query_api.web.reader import reader_of

_templates = Environment(
    loader=PackageLoader("query_api.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
)
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# What a page says of what was just done, by the parameter `note` of its address.
NOTES = {
    "saved": "Saved.",
    "made": "Created.",
    "deleted": "Deleted.",
    "paused": "Paused.",
    "resumed": "Resumed.",
    "pinged": "Pinged.",
    "sent": "Sent.",
    "done": "Done.",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Links of invitations stand in addresses. `no-referrer` would have browsers send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
}


class NoPage(QueryApiError):
    """There is no page to show; people are told so by a page. status: 404, or 503 where it cannot be told now."""

    def __init__(self, words: str, status: int = 404) -> None:
        super().__init__(words)
        self.words, self.status = words, status


def install(app: FastAPI, deps: Dependencies) -> None:
    """Have `NoPage` answered by a page."""

    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, NoPage)
        answer = await page("no_page.html", deps, error.status, request=request, words=error.words)
        if error.status == 503:
            answer.headers["Retry-After"] = "1"
        return answer

    app.add_exception_handler(NoPage, told)


async def part(template: str, deps: Dependencies, *, request: Request, **values: Any) -> Markup:
    """A part of a page, as a template makes it of `values`; it stands in a page, or a script puts it there."""
    shared = {"root": deps.settings.root, "times": reader_of(request, deps).times}
    return Markup(await asyncio.to_thread(_templates.get_template(template).render, shared | values))


async def page(
    template: str, deps: Dependencies, status: int = 200, *, request: Request, **values: Any
) -> HTMLResponse:
    """The page that a template makes of `values`. In it `asset(name)` is the path of a style or script,
    `form_token(viewer)` what each form holds (`query_api.web.forms.forms`), and `viewer` whoever is signed in, or none.

    request: whose cookies say how its reader wants it.
    """
    reader = reader_of(request, deps)
    shared: dict[str, Any] = {
        "site": deps.settings.site_name,
        "root": deps.settings.root,
        "asset": assets.path_of,
        "form_token": partial(form_token, deps),
        "reader": reader,
        "times": reader.times,
        "note": NOTES.get(request.query_params.get("note", ""), ""),
        "viewer": getattr(request.state, "viewer", None),
    }
    # In a thread: a page of very many things takes a while, in which pings go on.
    text = await asyncio.to_thread(_templates.get_template(template).render, shared | values)
    return HTMLResponse(text, status, HEADERS)
