"""A plan carried out over the REST APIs, step by step in its order.

Each step is one request, which the server does whole or not at all; the set that a thing belongs to is told in the
request that makes it. When a request fails, those before it are done, and applying once more does the rest. Who makes
the same thing at the same moment is refused by the server, and finds it there the next time.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pingfold.declared.api import Api, ApiRefused
from pingfold.declared.kinds import KINDS
from pingfold.declared.planning import Plan, Step
from pingfold.declared.things import with_references
from pingfold.errors import CommandFailed
from schemas.printable import printable

_GONE = 404


class Stopped(CommandFailed):
    """A request of a plan failed: what is done and what is left, in words."""


def execute(plan: Plan, api: Api) -> Iterator[Step]:
    """Each step when it is done. Raises `Stopped`."""
    ids = dict(plan.ids)
    for number, step in enumerate(plan.steps):
        try:
            _take(step, api, ids)
        except CommandFailed as error:
            whole = f"{number} of {len(plan.steps)} steps are done"
            title = printable(f"{KINDS[step.section].title} '{step.key}'")
            place = f" ({step.declared.place})" if step.declared and step.declared.place else ""
            what = {"+": "was not made", "~": "was not changed", "-": "was not removed"}[step.sign]
            unclear = isinstance(error, ApiRefused) and error.status in (0, 503)
            more = ", as far as is known" if unclear else ""
            raise Stopped(f"{title}{place} {what}{more}: {error}\n{whole}; apply again to do the rest") from error
        yield step


def _take(step: Step, api: Api, ids: dict[tuple[str, str], str]) -> None:
    kind = KINDS[step.section]
    one = f"{kind.path.rstrip('/')}/{step.present.id}" if step.present else kind.path
    if step.declared is None:
        try:
            api.call(kind.api, "DELETE", one)
        except ApiRefused as refused:
            if refused.status != _GONE:
                raise
        return
    fields = with_references(step.declared.fields, _id_in(ids))
    body = kind.body(fields, step.declared.secrets, step.managed_by, step.present is not None)
    answer: dict[str, Any] = api.call(kind.api, "POST" if step.present is None else kind.update, one, body)
    ids[step.section, step.key] = answer.get("uuid") or answer["id"]


def _id_in(ids: dict[tuple[str, str], str]) -> Callable[[str, str, str], str]:
    return lambda _, section, name: ids.get((section, name), name)
