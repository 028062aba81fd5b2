"""What would have been with other settings: Pingfold's own, in the style of the API.

A question is read, never kept: it needs a key that may read monitors. The answer comes in one piece and in bounded
time, so it is of a bounded number of events; for more there is `pingfold what-if`. What is done for a client ends when
it goes away.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response
from msgspec import Meta, Raw, Struct

from infra.log.directory import Directory
from query_api.http.departures import while_connected
from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, MonitorsReader
from query_api.poppaping.bodies import judged
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from query_api.what_if.objects import WhatIfObject
from query_api.what_if.port import NoAnswer
from query_api.what_if.question import ALL, DEFAULT_SINCE, Inventory, Said, question_of
from query_api.what_if.settings import InvalidQuestion

router = APIRouter(tags=["what if"], responses=ERRORS)

_MOST_SETTINGS = 30
# So many checks are looked at in one go, before other requests get their turn.
_AT_ONCE = 256
_Text = Annotated[str, Meta(max_length=500)]
_Value = _Text | int | bool | None


class WhatIfBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A question."""

    thing: Annotated[
        _Text,
        Meta(description="Id, name or slug of a heartbeat check or monitor, `tag:NAME`, or `project` for all of it."),
    ] = ALL
    set: Annotated[
        dict[Annotated[str, Meta(max_length=100)], _Value],
        Meta(max_length=_MOST_SETTINGS, description="Settings by name; durations as `20m` or in seconds."),
    ] = {}
    sweep: Annotated[
        _Text | None,
        Meta(
            description="Values to try: `grace=5m..1h`, `grace=5m..1h/5m`, or `grace=5m,1h`; with `|` in the place of "
            "the comma where values hold commas, and between schedules: `schedule=Mon..Fri 02:00|0 1,13 * * *`."
        ),
    ] = None
    since: Annotated[_Text, Meta(description="A time in ISO 8601, or a duration before now.")] = DEFAULT_SINCE
    until: Annotated[_Text | None, Meta(description="The same; now if left out.")] = None
    short: Annotated[_Text | None, Meta(description="Downtimes shorter than this count as short. Default: `5m`.")] = (
        None
    )


@router.post(
    "/what-if",
    summary="Ask a what-if question (Pingfold's own)",
    responses=one_of(WhatIfObject, "The alerts that would have been sent, beside those that were.") | errors(400, 404),
    openapi_extra=body_of(WhatIfBody, {"thing": "project", "set": {"confirmations": 3}, "since": "30d"}),
)
async def what_if(request: Request, service: ServiceDep, key: MonitorsReader, body: JsonObject) -> Response:
    """Fold past events again with other settings, and compare the alerts. Nothing is changed."""
    wanted, deps = judged(body, WhatIfBody), service.deps
    if not await deps.definitions_replica.caught_up(1.0):
        raise PoppaPingApiError(503, "The things cannot be looked up now.", headers={"Retry-After": "1"})
    inventory = await _inventory(deps.directory, key.project)
    said = Said(wanted.thing, wanted.set, wanted.sweep, wanted.since, wanted.until, wanted.short)
    try:
        # Many things, and schedules that run seldom, take their time.
        question = await asyncio.to_thread(question_of, said, inventory, deps.clock.now())
    except InvalidQuestion as invalid:
        raise PoppaPingApiError(404 if invalid.unknown else 400, str(invalid)) from None
    if deps.what_if is None:
        raise PoppaPingApiError(503, "Questions are not answered by this process.", headers={"Retry-After": "60"})
    try:
        return one(Raw(await while_connected(request, deps.what_if.ask(question))))
    except NoAnswer as none:
        if none.retry_after is None:
            raise PoppaPingApiError(400, f"{none}.") from None
        raise PoppaPingApiError(503, f"{none}.", headers={"Retry-After": str(none.retry_after)}) from None


async def _inventory(directory: Directory, project: str) -> Inventory:
    """What the project has now; long lists let other requests through."""
    checks = []
    for number, check in enumerate(directory.checks_of(project), 1):
        checks.append(check)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return Inventory(project, checks, directory.monitors_of(project), directory.channels_of(project))
