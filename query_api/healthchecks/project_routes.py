"""Rotating the keys of the project itself: Pingfold's own addition to the Management API, in its style."""

from functools import partial
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Response

from query_api.healthchecks import openapi
from query_api.healthchecks.auth import Body, Writer
from query_api.healthchecks.service import ServiceDep
from query_api.http.refusals import Refusal, json_answer
from query_api.rotation import Secret, rotate_ping_key, rotate_webhook_secret
from schemas.requests import DAY, Overlap
from schemas.times import iso_or_none

router = APIRouter(tags=["project"], responses=openapi.ERRORS)


class PingKeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """overlap: for so many seconds the former key is accepted, too."""

    overlap: Overlap = DAY
    api_key: str = ""


class SecretBody(PingKeyBody):
    """secret: the new one; made by Pingfold if left out. overlap: for so many seconds the former one signs, too."""

    secret: Secret | None = None


W = TypeVar("W", bound=PingKeyBody)


def judged(body: dict[str, Any], wanted: type[W]) -> W:
    """What a request to rotate something says."""
    try:
        return msgspec.convert(body, wanted)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"json validation error: {error}") from None


@router.post("/project/rotate-ping-key", responses=openapi.PING_KEY, openapi_extra=openapi.OVERLAP_FIELDS)
async def rotate_project_ping_key(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Give the project another ping key. The former one is accepted until the overlap has ended."""
    wanted, project = judged(body, PingKeyBody), caller.project
    made = await rotate_ping_key(service.deps, partial(service.ask, caller), project, wanted.overlap)
    return json_answer({"ping_key": made.value, "former_until": iso_or_none(made.former_until)})


@router.post("/project/rotate-webhook-secret", responses=openapi.SECRET, openapi_extra=openapi.SECRET_FIELDS)
async def rotate_project_webhook_secret(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Give the project another webhook secret. The former one signs, too, until the overlap has ended."""
    wanted, project = judged(body, SecretBody), caller.project
    ask = partial(service.ask, caller)
    made = await rotate_webhook_secret(service.deps, ask, project, wanted.overlap, wanted.secret)
    return json_answer({"secret": made.value, "former_until": iso_or_none(made.former_until)})
