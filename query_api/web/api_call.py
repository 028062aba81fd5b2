"""Pages call the APIs of their own process, so that a form makes its change by the same request as a program does.

A call is made as the viewer: with his role in the project, and under his name in the audit trail. Every check, limit
and error text is the API's. What the API answers is handed back as it is; nothing is raised for a refusal.
"""

from dataclasses import dataclass
from typing import Any, Literal

import httpx
import msgspec
from fastapi import Request

from query_api.dependencies import dependencies_of
from query_api.web.viewer import Viewer

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_HEALTHCHECKS = "/api/v3/"


@dataclass(frozen=True)
class ApiAnswer:
    """What an API answered. content: its JSON; None where there is none."""

    status: int
    content: Any

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
    request: Request, viewer: Viewer, project: str, method: Method, path: str, body: object = None, **headers: str
) -> ApiAnswer:
    """What the API at `path` (`/api/v3/`: the Management API; else PoppaPing's `/api/v1/`) answers the viewer."""
    deps = dependencies_of(request)
    kind: Literal["healthchecks", "poppaping"] = "healthchecks" if path.startswith(_HEALTHCHECKS) else "poppaping"
    may_write, now = viewer.may_edit(project), deps.clock.now()
    transport = httpx.ASGITransport(request.app, raise_app_exceptions=False)
    with deps.page_keys.key(project, may_write=may_write, kind=kind, actor=viewer.actor, at=now) as key:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            content = None if body is None else msgspec.json.encode(body)
            shown = {"X-Api-Key": key, "Content-Type": "application/json", **headers}
            answer = await client.request(method, path, content=content, headers=shown)
    try:
        return ApiAnswer(answer.status_code, msgspec.json.decode(answer.content) if answer.content else None)
    except msgspec.DecodeError:
        return ApiAnswer(answer.status_code, {"message": answer.text})
