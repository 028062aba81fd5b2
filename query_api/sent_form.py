"""The form of the web application that a request comes of, while it is under way: so that a form does one thing.

A page that takes a form calls the APIs of its process, or asks the fold itself. Each request that it makes meanwhile
has the mark of the form. The fold takes a marked request once (`processors.projects.sent_forms`); the id of a message
to somebody follows from the form. Programs send no forms: their requests have no mark.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from schemas.decisions import Decision
from schemas.ids import derived_id, new_id
from schemas.rejections import RejectionCode
from schemas.requests import ProjectsRequest


@dataclass
class SentForm:
    """mark: identifies the form; empty: unknown.

    overtaken: a change was refused because the thing had another version by then.
    """

    mark: str
    overtaken: bool = False


_under_way: ContextVar[SentForm | None] = ContextVar("sent_form", default=None)


@contextmanager
def sending(form: SentForm) -> Iterator[None]:
    """What is asked for in here comes of this form."""
    before = _under_way.set(form)
    try:
        yield
    finally:
        _under_way.reset(before)


def marks(request: ProjectsRequest) -> dict[str, Any]:
    """The fields that a request to the fold has of the form that is under way."""
    form = _under_way.get()
    if form is None or not form.mark:
        return {}
    tag = str(request.__struct_config__.tag)
    # A form may change many things. The id of what is made is another one each time.
    thing = "" if tag.endswith((".create", ".claim")) else getattr(request, "id", "")
    return {"form": hashlib.sha256(f"{form.mark} {tag} {thing}".encode()).hexdigest()[:32]}


def learn(decision: Decision) -> None:
    """Note what was decided on a request of the form that is under way."""
    form, rejection = _under_way.get(), decision.rejection
    if form is not None and rejection is not None and rejection.code is RejectionCode.CHANGED_MEANWHILE:
        form.overtaken = True


def id_of_form(what: str) -> str:
    """The id of something that a form has sent: the same however often it comes. Random where there is no form."""
    form = _under_way.get()
    return derived_id("form", form.mark, what) if form is not None and form.mark else new_id()
