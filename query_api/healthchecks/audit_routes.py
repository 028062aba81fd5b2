"""The audit trail of a project: who changed what, newest first. Pingfold's own addition to the Management API, in its
style. A read-only key does not open it.

An answer holds every change that was answered before it was asked for; when history does not get there within 1.5 s,
`complete` is false.
"""

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request, Response
from msgspec import Meta, Struct

from query_api.dependencies import DependenciesDep
from query_api.healthchecks.auth import Writer
from query_api.healthchecks.history import answering_history, known_history
from query_api.healthchecks.openapi import ERRORS, errors
from query_api.healthchecks.parameters import LAST_TIMESTAMP, LONGEST_SECONDS, number, parameter
from query_api.history.audit import Which, wrong_actor, wrong_kind
from query_api.history.audit_object import AuditEntry, audit_object, cursor_of, place_of
from query_api.history.checks import FOREVER
from query_api.http.openapi import Responses, answer
from query_api.http.query_parameters import unknown_parameter
from query_api.http.refusals import ApiError, json_answer
from schemas.base import SECOND
from schemas.transitions import ThingKind

MOST_ENTRIES = 1_000
_USUAL_ENTRIES = 100

router = APIRouter(tags=["audit"], responses=ERRORS)


class AuditPage(Struct):
    """A page of the audit trail, newest entries first."""

    entries: list[AuditEntry]
    next: Annotated[str | None, Meta(description="`before` of the next page; null: this is the last one.")]
    complete: Annotated[bool, Meta(description="False: the newest changes may be missing.")]


_PAGE: Responses = {200: answer(AuditPage, "A page of changes, newest first.")}

_LONGEST = 200


@router.get("/audit/", responses=_PAGE | errors(400))
async def list_entries(
    request: Request,
    deps: DependenciesDep,
    caller: Writer,
    seconds: Annotated[str | None, Query(description="Only changes within this many seconds before now.")] = None,
    start: Annotated[str | None, Query(description="Only from this Unix time on.")] = None,
    end: Annotated[str | None, Query(description="Only before this Unix time.")] = None,
    kind: Annotated[
        str,
        Query(
            max_length=_LONGEST,
            description="Only objects of this kind.",
            json_schema_extra={"enum": ["", *get_args(ThingKind)]},
        ),
    ] = "",
    thing: Annotated[str, Query(max_length=_LONGEST, description="Only the object with this id.")] = "",
    actor: Annotated[
        str, Query(max_length=_LONGEST, description="Only by this kind of actor, API key (its id), user, or address.")
    ] = "",
    limit: Annotated[str | None, Query(description="Maximum number of entries, from 1 to 1000. Default: 100.")] = None,
    before: Annotated[str, Query(max_length=_LONGEST, description="The `next` of the previous page.")] = "",
) -> Response:
    """List the changes in the project with their actors, newest first. Refused requests are not included."""
    history = known_history(deps.audit_history)
    place = place_of(before) if before else None
    if wrong := unknown_parameter(request) or wrong_kind(kind) or wrong_actor(actor):
        raise ApiError(400, wrong)
    if before and place is None:
        raise ApiError(400, "before must be the `next` of another page")
    first, until = (parameter(text, LAST_TIMESTAMP) * SECOND for text in (start, end))
    if since := parameter(seconds, LONGEST_SECONDS):
        first = max(first, deps.clock.now() - since * SECOND)
    most = _USUAL_ENTRIES if limit is None else number(limit, MOST_ENTRIES)
    if not most:
        raise ApiError(400, f"limit must be a whole number from 1 to {MOST_ENTRIES}")
    which = Which(
        caller.project, min(first, FOREVER), min(until or FOREVER, FOREVER), kind, thing, actor, place, most + 1
    )
    with answering_history():
        complete = await history.caught_up()
        rows = await history.entries(which)
    entries = [audit_object(row) for row in rows[:most]]
    following = cursor_of(rows[most - 1].place) if len(rows) > most else None
    return json_answer(AuditPage(entries, following, complete))
