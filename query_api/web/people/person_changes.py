"""Changes that pages ask the fold of projects for, and what is told when they cannot be made."""

from query_api.commands import Late, ask, wait_until
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.sent_form import SentForm, sending
from query_api.web.shown.sentences import sentence
from schemas.actors import Actor
from schemas.decisions import Decision
from schemas.rejections import RejectionCode
from schemas.requests import ProjectsRequest

_WORDS = {
    RejectionCode.LAST_OWNER: "The last owner of a project can neither be removed nor get another role. "
    "Make somebody else an owner first.",
    RejectionCode.ALREADY_EXISTS: "This person is in the project already.",
    RejectionCode.PERSON_NOT_FOUND: "This person, or this invitation, is not there any more.",
    RejectionCode.CHANGED_MEANWHILE: "This was changed meanwhile. Look at it as it is now, and try again.",
}


class NotChanged(QueryApiError):
    """Nothing was changed, as far as is known. status: of the answer; words: for people; code: of what was refused."""

    def __init__(self, status: int, words: str, code: RejectionCode | None = None) -> None:
        super().__init__(words)
        self.status, self.words, self.code = status, words, code


async def ask_for(deps: Dependencies, key: str, request: ProjectsRequest, actor: Actor, form: str = "") -> Decision:
    """What the fold has decided. form: the mark of the form that asks for it, if it is taken once.

    Raises `NotChanged` for what is refused or not decided in time."""
    try:
        with sending(SentForm(form)):
            decision = await ask(deps, key, request, actor)
    except Late:
        raise NotChanged(503, "The change could not be made in time; it may still be made. Look again.") from None
    rejection = decision.rejection
    if rejection is None:
        return decision
    status = 503 if rejection.code in (RejectionCode.WRONG_TIME, RejectionCode.UNKNOWN) else 409
    words = _WORDS.get(rejection.code, sentence(f"Nothing was changed: {rejection.reason}"))
    raise NotChanged(status, words, rejection.code)


async def person_seen(deps: Dependencies, id: str, version: int) -> None:
    """Wait until this process shows a person in a version, within the usual bound."""

    def is_there() -> bool:
        person = deps.directory.people.person(id)
        return person is not None and person.version >= version

    await wait_until(deps.definitions_replica, is_there)


async def person_gone(deps: Dependencies, id: str, version: int) -> None:
    """Wait until this process shows a person in no version up to this one any more, within the usual bound."""

    def is_gone() -> bool:
        person = deps.directory.people.person(id)
        return person is None or person.version > version

    await wait_until(deps.definitions_replica, is_gone)


async def member_seen(deps: Dependencies, id: str, version: int, *, gone: bool = False) -> None:
    """Wait until this process shows a membership in a version, or does not show it any more, within the usual bound."""

    def is_there() -> bool:
        member = deps.directory.people.member(id)
        return member is None if gone else member is not None and member.version >= version

    await wait_until(deps.definitions_replica, is_there)
