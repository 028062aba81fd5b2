"""A page of the web application: one template over `base.html`, for one viewer, which nobody keeps.

A page loads its own styles and scripts (`assets`) and nothing else; nothing written into it runs.
"""

import asyncio
from functools import partial
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from query_api.dependencies import Dependencies
from query_api.web import assets
from query_api.web.forms import form_token

_templates = Environment(loader=PackageLoader("query_api.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}


async def page(template: str, deps: Dependencies, status: int = 200, **values: Any) -> HTMLResponse:
    """The page that a template makes of `values`. In it `asset(name)` is the path of a style or script, and
    `form_token(viewer)` what each form holds (`query_api.web.forms`)."""
    # In a thread: a page of 100,000 checks takes seconds, in which pings go on.
    made = _templates.get_template(template)
    shared = {
        "site": deps.settings.site_name,
        "root": deps.settings.root,
        "asset": assets.path_of,
        "form_token": partial(form_token, deps),
    }
    return HTMLResponse(await asyncio.to_thread(made.render, **shared, **values), status, HEADERS)
