"""A form is sent: the same request as a program makes, to the API of this process, as the person who is signed in.

What the API refuses is shown by the form, with everything kept as it was typed. A form that makes something carries its
key along (`Idempotency-Key`); one that changes something sends only what differs from the thing as it is.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import Request, Response

from query_api.dependencies import Dependencies, dependencies_of
from query_api.web.api_call import ApiAnswer, Method, call_api
from query_api.web.forms.form_state import Form, Shape, Valued, changes, merged, refused, said
from query_api.web.owned import T, owned
from query_api.web.page import NoPage, page
from query_api.web.people.sign_in import led_to
from query_api.web.shown.sentences import sentence
from query_api.web.viewer import Viewer

# The key of a new thing, and the version of one that is there, make it safe to send a form again.
_NOT_YET = "Nothing is saved yet. What you typed is kept here: save again in a moment."
MEANWHILE = (
    "Somebody else has changed this at the same moment. Nothing is saved yet: save again, and you see what it is now."
)
FEW = "Only owners and editors of the project change what is in it."


class Sent(NamedTuple):
    """What became of a form. answer: of the API; None: it was not asked. form: to be shown again, unless it is made."""

    answer: ApiAnswer | None
    form: Form

    @property
    def is_made(self) -> bool:
        """Whether what the form says is so now."""
        wrong = self.form.errors or self.form.problem or self.form.changed
        return not wrong and (self.answer is None or self.answer.is_made)

    @property
    def status(self) -> int:
        """Of the page that shows the form again."""
        if self.form.changed:
            return 409
        return 400 if self.answer is None or self.answer.is_made else self.answer.status


class Known(NamedTuple):
    """A thing as this process knows it. values: what stands in its form."""

    values: Valued
    version: int


def status_shown(sent: Sent) -> int:
    """Of the page that shows a form again of which nothing was to be saved, as a preview."""
    return 200 if sent.is_made else sent.status


def must_edit(viewer: Viewer, project: str) -> None:
    """Raises `NoPage` for who may not change what is in a project: 404 if he may not see it either."""
    if not viewer.may_see(project):
        raise NoPage("There is no such project.")
    if not viewer.may_edit(project):
        raise NoPage(FEW, 403)


async def editable(deps: Dependencies, who: Viewer, what: str, find: Callable[[str], T | None], id: str) -> T:
    """What `find` has under an id, if the viewer may change it. Raises `NoPage`, as `owned` and `must_edit` do."""
    found = await owned(deps, who, what, find, id)
    must_edit(who, found.project)
    return found


async def send(
    request: Request,
    viewer: Viewer,
    project: str,
    form: Form,
    method: Method,
    path: str,
    *,
    shape: Shape | None = None,
    only: Collection[str] | None = None,
    version: int | None = None,
) -> Sent:
    """Send a form to an API. shape: makes the body of what the fields say; only: the fields that are sent, all without;
    version: of the thing that they were compared with: the API refuses what was made from another one. Raises `NoPage`.
    """
    must_edit(viewer, project)
    values, errors = said(form)
    if errors:
        return Sent(None, replace(form, errors=errors))
    body = values if only is None else {name: value for name, value in values.items() if name in only}
    headers = {"Idempotency-Key": form.once} if form.once else {}
    body = body if shape is None else shape(body)
    answer = await call_api(request, viewer, project, method, path, body, based_on=version, **headers)
    if answer.overtaken:
        return Sent(answer, replace(form, problem=MEANWHILE))
    if answer.status == 503:  # whatever it says, it names no field
        return Sent(answer, replace(form, problem=f"{_NOT_YET} {answer.words[:1].upper()}{answer.words[1:]}."))
    return Sent(answer, form if answer.is_made else refused(form, answer.words))


async def save_changes(
    request: Request,
    viewer: Viewer,
    project: str,
    form: Form,
    known: Known,
    path: str,
    *,
    method: Method = "PATCH",
    shape: Shape | None = None,
    together: Callable[[frozenset[str]], Collection[str]] | None = None,
) -> Sent:
    """Send what a form says otherwise than the thing that is there; the second of two editors is told instead.

    Whoever has changed the thing since the form was opened is seen here; who does so in the same moment, by the fold,
    which refuses what was made from another version. together: the fields that are sent when these have changed.
    Raises `NoPage`.
    """
    if (both := merged(form, known.values, known.version)) is not None:
        return Sent(None, both)
    only = changes(form, known.values)
    if together is not None:
        only = frozenset(together(only))
    if not only:
        return Sent(None, replace(form, errors=said(form)[1]))
    return await send(request, viewer, project, form, method, path, shape=shape, only=only, version=known.version)


async def act(request: Request, viewer: Viewer, project: str, method: Method, path: str, body: Any = None) -> ApiAnswer:
    """Do what a button says, by an API. Raises `NoPage`."""
    must_edit(viewer, project)
    return await call_api(request, viewer, project, method, path, body)


def must_be_made(answer: ApiAnswer) -> None:
    """Raises `NoPage` with the API's words for what it refused."""
    if not answer.is_made:
        words = answer.words
        raise NoPage(sentence(f"Nothing was changed: {words[:1].lower()}{words[1:]}"), answer.status)


def saved(deps: Dependencies, path: str, note: str = "saved") -> Response:
    """Lead to the page of a thing, which says that it is saved. note: a name in `query_api.web.page.NOTES`."""
    return led_to(deps, f"{path}{'&' if '?' in path else '?'}note={note}")


async def form_page(
    request: Request,
    form: Form,
    *,
    title: str,
    action: str,
    button: str,
    back: str,
    status: int = 200,
    template: str = "form.html",
    **values: Any,
) -> Response:
    """The page of a form. action, back: paths below the site's root."""
    shown: dict[str, Any] = {"title": title, "action": action, "button": button, "back": back, "form": form}
    return await page(template, dependencies_of(request), status, request=request, **(shown | values))


async def confirm_page(
    request: Request,
    *,
    title: str,
    text: str,
    action: str,
    button: str,
    back: str,
    problem: str = "",
    status: int = 200,
) -> Response:
    """The page that asks before something is gone for good."""
    shown = {"title": title, "text": text, "action": action, "button": button, "back": back, "problem": problem}
    return await page("confirm.html", dependencies_of(request), status, request=request, **shown)
