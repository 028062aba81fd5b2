"""What is there, read over the REST APIs. Windows of maintenance that are over and belong to no set are left out."""

from typing import Any

from pingfold.declared.api import Api, ApiRefused
from pingfold.declared.keys import must_read
from pingfold.declared.kinds import KINDS
from pingfold.declared.kinds.escalations import of_their_sections
from pingfold.declared.kinds.kind import Kind, Rules
from pingfold.declared.things import ROTATIONS, Present
from query_api.plans import PLANS

_LIST = {"channels": "/api/v1/alerts"}


def read(api: Api) -> list[Present]:
    """What can be declared, and what declarations may name.

    Raises `CommandFailed`, also for keys that do not show all of it.
    """
    must_read(api)
    things = [one for kind in KINDS.values() if api.has_key(kind.api) for one in _present(api, kind)]
    rotations = [
        Present(section=ROTATIONS, key=one["name"], fields={}, id=one["id"])
        for one in api.all("poppaping", "/api/v1/on-call")
    ]
    return of_their_sections([*things, *rotations])


def rules(api: Api) -> Rules:
    """What of the installation declarations depend on. Raises `ApiRefused`."""
    account = api.call("poppaping", "GET", "/api/v1/account")
    return Rules(PLANS.get(account["plan"], PLANS["self-hosted"]), tuple(api.open("/api/nodes")))


def present(kind: Kind, answer: dict[str, Any]) -> Present:
    """A thing as an API shows it."""
    fields = kind.shown(answer)
    id = answer.get("uuid") or answer["id"]
    return Present(
        section=kind.section,
        key=kind.key_of(fields),
        fields=fields,
        id=id,
        managed_by=answer.get("managed_by", ""),
    )


def _present(api: Api, kind: Kind) -> list[Present]:
    if kind.api == "healthchecks":
        answers = api.call(kind.api, "GET", kind.path)["checks"]
    else:
        answers = api.all(kind.api, _LIST.get(kind.section, kind.path))
    if kind.details:
        answers = [whole for one in answers if (whole := _details(api, kind, one["id"])) is not None]
    return [present(kind, one) for one in answers if not _is_over(one)]


def _details(api: Api, kind: Kind, id: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.call(kind.api, "GET", f"{kind.path}/{id}")
    except ApiRefused as refused:
        if refused.status == 404:  # removed meanwhile
            return None
        raise
    return found


def _is_over(answer: dict[str, Any]) -> bool:
    return answer.get("active") is False and answer.get("next_start_at") is None and "managed_by" not in answer
