"""The name and the keys of the project itself: Pingfold's own addition to the Management API, in its style."""

from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Response
from msgspec import Meta

from query_api.commands import wait_until
from query_api.healthchecks.auth import Body, Writer
from query_api.healthchecks.check_bodies import BodyKey
from query_api.healthchecks.openapi import ERRORS, errors
from query_api.healthchecks.service import ServiceDep
from query_api.http.field_types import Time, Uuid
from query_api.http.openapi import Responses, answer, body_of
from query_api.http.refusals import ApiError, json_answer
from query_api.rotation import Secret, rotate_ping_key, rotate_webhook_secret
from schemas.ids import new_id
from schemas.requests import DAY, Overlap, ProjectRename
from schemas.times import iso_or_none

router = APIRouter(tags=["project"], responses=ERRORS)


_Overlap = Annotated[Overlap, Meta(description="Overlap in seconds, during which the old one stays valid.")]
_FormerUntil = Annotated[
    Time | None, Meta(description="End of the overlap, during which the old one stays valid; null: no overlap.")
]


class RotatePingKeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """How a ping key is rotated."""

    overlap: _Overlap = DAY
    api_key: BodyKey = ""


class RotateSecretBody(RotatePingKeyBody):
    """How a secret is rotated."""

    secret: Annotated[Secret | None, Meta(description="The new secret. Default: a random one.")] = None


class RotatedPingKey(msgspec.Struct):
    """A new ping key."""

    ping_key: str
    former_until: _FormerUntil


class RotatedSecret(msgspec.Struct):
    """A new secret."""

    secret: Annotated[str, Meta(description="The new secret, which is shown only once.")]
    former_until: _FormerUntil


SECRET: Responses = {200: answer(RotatedSecret, "The new secret, which is shown only once.")}
SECRET_BODY = body_of(RotateSecretBody, {"overlap": 3600}, False)
_PING_KEY: Responses = {200: answer(RotatedPingKey, "The new ping key.")}
_PING_KEY_BODY = body_of(RotatePingKeyBody, {"overlap": 3600}, False)

B = TypeVar("B", bound=msgspec.Struct)


def judged(body: dict[str, Any], struct: type[B]) -> B:
    """The body of a request about the project. Raises `ApiError` 400."""
    try:
        return msgspec.convert(body, struct)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"json validation error: {error}") from None


class RenameProjectBody(msgspec.Struct, forbid_unknown_fields=True):
    """Another name of the project."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    api_key: BodyKey = ""


class ProjectObject(msgspec.Struct):
    """A project."""

    id: Uuid
    name: str


_PROJECT: Responses = {200: answer(ProjectObject, "The project.")}


@router.post(
    "/project/rename",
    responses=_PROJECT | errors(400),
    openapi_extra=body_of(RenameProjectBody, {"name": "Shop"}),
)
async def rename_project(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Give the project another name."""
    wanted, deps, project = judged(body, RenameProjectBody), service.deps, caller.project
    name = wanted.name.strip()
    if not name:
        raise ApiError(400, "json validation error: name is needed")
    await service.ask(caller, ProjectRename(request=new_id(), at=deps.clock.now(), name=name))
    projects = deps.directory.projects
    await wait_until(deps.definitions_replica, lambda: project in projects and projects[project].name == name)
    return json_answer(ProjectObject(project, name))


@router.post("/project/rotate-ping-key", responses=_PING_KEY | errors(400, 409), openapi_extra=_PING_KEY_BODY)
async def rotate_project_ping_key(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Replace the ping key of the project. The old key is accepted until the overlap ends."""
    wanted, project = judged(body, RotatePingKeyBody), caller.project
    made = await rotate_ping_key(service.deps, partial(service.ask, caller), project, wanted.overlap)
    return json_answer(RotatedPingKey(made.value, iso_or_none(made.former_until)))


@router.post("/project/rotate-webhook-secret", responses=SECRET | errors(400, 409), openapi_extra=SECRET_BODY)
async def rotate_project_webhook_secret(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Replace the webhook secret of the project. The old secret also signs until the overlap ends."""
    wanted, project = judged(body, RotateSecretBody), caller.project
    ask = partial(service.ask, caller)
    made = await rotate_webhook_secret(service.deps, ask, project, wanted.overlap, wanted.secret)
    return json_answer(RotatedSecret(made.value, iso_or_none(made.former_until)))
