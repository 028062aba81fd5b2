"""Pages call the APIs of their own process, so that a form makes its change by the same request as a program does.

A call is made as the viewer: with his role in the project, and under his name in the audit trail. Every check, limit
and error text is the API's. What the API answers is handed back as it is; nothing is raised for a refusal.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import msgspec
from fastapi import Request

from query_api.dependencies import dependencies_of
from query_api.http.host_asked import host_asked
from query_api.http.versions import IF_VERSION_HEADER
from query_api.sent_form import SentForm, sending
from query_api.web.viewer import Viewer

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_HEALTHCHECKS = "/api/v3/"
# Ids in paths come from addresses that people open. Of `..`, `?` or `#` in one, an address elsewhere would be made.
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]*)+(?:\?[A-Za-z0-9._~=&%+:-]*)?")


@dataclass(frozen=True)
class ApiAnswer:
    """What an API answered. content: its JSON; None where there is none.

    overtaken: it was refused because somebody else had changed the thing meanwhile.
    """

    status: int
    content: Any
    overtaken: bool = False

    @property
    def is_made(self) -> bool:
        """Whether the API did what it was asked for."""
        return self.status < 300

    @property
    def words(self) -> str:
        """Why it did not, in the API's words."""
        said = self.content if isinstance(self.content, dict) else {}
        return str(said.get("message") or said.get("error") or f"the answer was {self.status}")


async def call_api(
    request: Request,
    viewer: Viewer,
    project: str,
    method: Method,
    path: str,
    body: object = None,
    *,
    based_on: int | None = None,
    **headers: str,
) -> ApiAnswer:
    """What the API at `path` (`/api/v3/`: the Management API; else PoppaPing's `/api/v1/`) answers the viewer.

    based_on: the version of the thing that a change is made from; 409 when it has another one.
    """
    if not _PLAIN_PATH.fullmatch(path):  # an id that would lead elsewhere is nothing's
        return ApiAnswer(404, {"error": "there is no such thing"})
    deps = dependencies_of(request)
    kind: Literal["healthchecks", "poppaping"] = "healthchecks" if path.startswith(_HEALTHCHECKS) else "poppaping"
    may_write, now, form = viewer.may_edit(project), deps.clock.now(), SentForm(viewer.form)
    transport = httpx.ASGITransport(request.app, raise_app_exceptions=False)
    with deps.page_keys.key(project, may_write=may_write, kind=kind, actor=viewer.actor, at=now) as key:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            sent = None if body is None else msgspec.json.encode(body)
            shown = {"X-Api-Key": key, "Content-Type": "application/json", **headers}
            if host := host_asked(request.headers.raw):  # what the person asked, the API is asked at
                shown["Host"] = host
            if based_on is not None:
                shown[IF_VERSION_HEADER] = str(based_on)
            with sending(form):
                answer = await client.request(method, path, content=sent, headers=shown)
    try:
        content = msgspec.json.decode(answer.content) if answer.content else None
    except msgspec.DecodeError:
        content = {"message": answer.text}
    return ApiAnswer(answer.status_code, content, form.overtaken)
