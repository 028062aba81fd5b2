"""Forms of the web application that were taken: what is remembered of them, so that one that is sent twice does one
thing. Pure.

A form has a mark of its own, and each request that comes of it one that follows from that (`form` of
`schemas.request_base.Request`). The fold of projects remembers the newest requests of each owner (a project, or a
person) with what was decided (docs/decisions/0176-a-form-is-taken-once.md).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.base import Fact
from schemas.request_base import FormMark

# A form is sent twice within moments. Whoever changes more than this in between has sent others.
MOST_REMEMBERED = 50


class TakenRequest(Struct, frozen=True, omit_defaults=True, gc=False):
    """A request of a form, and what was decided on it."""

    form: FormMark
    outcome: Literal["made", "found", "updated", "removed"]
    id: str = ""
    version: int = 0


class SentForms(Fact, tag="sent-forms", frozen=True):
    """The record `sent-forms/<id>` in `definitions`: the requests of forms that were taken last, the newest last.

    id: that of a project, or of a person.
    """

    id: str
    taken: Annotated[tuple[TakenRequest, ...], Meta(max_length=1_000)] = ()


def sent_forms_key(owner: str) -> str:
    """The key of the record of an owner."""
    return f"sent-forms/{owner}"
