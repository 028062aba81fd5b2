"""`/recipients/TOKEN`: where the owner of an address answers whether a project may send mail there.

The link stands in a mail, and whatever looks at mails follows links: reading the page changes nothing, only the form on
it does (POST). The token is all that is needed, and it opens nothing else. The page is not kept by caches, tells its
address to nobody, and runs nothing. The owner's newest answer counts, as long as the link is valid.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal, assert_never
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from infra.budgets import Budget, Budgets
from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.confirmation_links import PATH
from query_api.actors import by_link
from query_api.commands import Late, ask, wait_until
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.http.route_index import include
from schemas.actors import Actor
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.ids import new_id
from schemas.recipients import Recipient, normalized
from schemas.rejections import RejectionCode
from schemas.requests import RecipientBlock, RecipientConfirm

router = APIRouter(include_in_schema=False)

Wish = Literal["confirm", "block"]

_templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
# Of pages that a link opens.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}
# Each change of mind is an event, so few are taken: so many at once of a recipient, and one more every so many seconds.
_CHANGES = Budget(10, 60.0)
# So many things that are down are named, of so many that are looked at before others have their turn.
_MOST_DOWN = 50
_AT_ONCE = 200


_UNWANTED = "Nobody here wants to send alerts to this address any more."
_NOT_RECORDED = "Your answer could not be recorded in time. Please try again in a moment."


class _NoPage(QueryApiError):
    """There is nothing to answer here: the status, and what people are told."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Recipients:
    """What the routes share: `app.state.recipients`."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._changes = Budgets(_CHANGES, time.monotonic)

    async def find(self, token: str) -> Recipient:
        """The recipient that a token names. Raises `_NoPage`."""
        deps, link = self._deps, self._deps.links.read(token)
        if link is None:
            raise _NoPage(404, "This link is not valid. Please check that it is complete.")
        if link.expires <= deps.clock.now():
            raise _NoPage(410, "This link has expired. Whoever wants to send you alerts can ask for a new one.")
        try:
            find = partial(deps.directory.recipient, link.recipient)
            recipient = await look_up(deps.definitions_replica, find)
        except NotCaughtUp:
            raise _NoPage(503, "This cannot be looked up now. Please try again in a moment.") from None
        if recipient is None:
            raise _NoPage(404, _UNWANTED)
        return recipient

    async def answer(self, recipient: Recipient, wish: Wish, actor: Actor) -> Recipient:
        """Take the owner's answer; the recipient as it is then. Raises `_NoPage`."""
        if _answer(recipient) == wish:
            return recipient
        if self._changes.wait(recipient.id) > 0:
            raise _NoPage(429, "You have changed your mind too often. Please try again in some minutes.")
        self._changes.spend(recipient.id)
        deps, request = self._deps, RecipientConfirm if wish == "confirm" else RecipientBlock
        try:
            asked = request(request=new_id(), at=deps.clock.now(), id=recipient.id)
            decision = await ask(deps, recipient.project, asked, actor)
        except Late:
            raise _NoPage(503, _NOT_RECORDED) from None
        if (rejection := decision.rejection) is not None:
            raise no_page_of(rejection.code)

        def answered() -> Recipient:
            return deps.directory.recipient(recipient.id) or recipient

        await wait_until(deps.definitions_replica, lambda: _answer(answered()) == wish)
        return answered()

    async def down(self, recipient: Recipient) -> list[str]:
        """The names of what is down, among that of which the recipient is told from now on."""
        address, found = recipient.address, list[str]()
        channels = self._deps.directory.channels_of(recipient.project)
        told = {channel.id for channel in channels if _has(channel, address)}
        for number, (name, status, theirs) in enumerate(self._things(recipient.project), 1):
            if status == "down" and not told.isdisjoint(theirs):
                found.append(name)
            if len(found) == _MOST_DOWN:
                break
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    def _things(self, project: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Name, status and channels of every monitor and check."""
        deps = self._deps
        for monitor in deps.directory.monitors_of(project):
            running = deps.monitor_states.state(monitor.id)
            yield monitor.name, "new" if running is None else running.status, monitor.channels
        for check in deps.directory.checks_of(project):
            state = deps.states.state(check.id)
            yield check.name or check.slug or check.id, "new" if state is None else state.status, check.channels

    def page(self, recipient: Recipient, down: list[str] | None = None) -> HTMLResponse:
        """The page of a recipient. `down`: what is down now, after an answer."""
        project = self._deps.directory.projects.get(recipient.project)
        return self._page(
            200, address=recipient.address, project=project and project.name, answer=_answer(recipient), down=down
        )

    def no_page(self, none: _NoPage) -> HTMLResponse:
        """The page that says why there is nothing to answer."""
        return self._page(none.status, problem=none.words)

    def _page(self, status: int, **values: object) -> HTMLResponse:
        text = _templates.get_template("recipient.html").render(site=self._deps.settings.site_name, **values)
        return HTMLResponse(text, status, HEADERS)


async def _recipients(request: Request) -> Recipients:
    recipients: Recipients = request.app.state.recipients
    return recipients


TheRecipients = Annotated[Recipients, Depends(_recipients)]


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    app.state.recipients = Recipients(deps)
    include(app, router)


@router.get(f"{PATH}{{token}}")
async def show(recipients: TheRecipients, token: str) -> Response:
    """The form, and what was answered last."""
    try:
        return recipients.page(await recipients.find(token))
    except _NoPage as none:
        return recipients.no_page(none)


@router.post(f"{PATH}{{token}}")
async def answer(request: Request, recipients: TheRecipients, token: str) -> Response:
    """Take the answer: `answer=confirm` or `answer=block`, as the form sends it."""
    try:
        recipient = await recipients.find(token)
        wish = _wish(await request.body())
        recipient = await recipients.answer(recipient, wish, by_link(request))
        return recipients.page(recipient, await recipients.down(recipient) if wish == "confirm" else [])
    except _NoPage as none:
        return recipients.no_page(none)


def no_page_of(code: RejectionCode) -> _NoPage:
    """The page for an answer that the `projects` fold rejects."""
    match code:
        case (
            RejectionCode.PROJECT_NOT_FOUND
            | RejectionCode.CHECK_NOT_FOUND
            | RejectionCode.MONITOR_NOT_FOUND
            | RejectionCode.CHANNEL_NOT_FOUND
            | RejectionCode.STATUS_PAGE_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_FOUND
            | RejectionCode.MAINTENANCE_NOT_OPEN
            | RejectionCode.ESCALATION_NOT_FOUND
            | RejectionCode.TEMPLATE_NOT_FOUND
            | RejectionCode.ON_CALL_NOT_FOUND
            | RejectionCode.OVERRIDE_NOT_FOUND
            | RejectionCode.KEY_NOT_FOUND
            | RejectionCode.RECIPIENT_NOT_FOUND
            | RejectionCode.PERSON_NOT_FOUND
            | RejectionCode.LAST_OWNER
            | RejectionCode.COMPONENT_NOT_FOUND
            | RejectionCode.COVERED_MONITOR_NOT_FOUND
            | RejectionCode.DEPENDENCY_NOT_FOUND
            | RejectionCode.DEPENDENCY_LOOP
            | RejectionCode.ON_CALL_IDENTIFIER_INVALID
            | RejectionCode.ON_CALL_NAMED
            | RejectionCode.TARGET_TAKEN
            | RejectionCode.NAME_TAKEN
            | RejectionCode.CHANNEL_IDENTIFIER_EMPTY
            | RejectionCode.CHANNEL_IDENTIFIER_INVALID
            | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
            | RejectionCode.ALREADY_EXISTS
            | RejectionCode.AMBIGUOUS_SLUG
            | RejectionCode.LIMIT_REACHED
            | RejectionCode.WRONG_CHANNEL_KIND
            | RejectionCode.WRONG_KEY_KIND
            | RejectionCode.INVALID_SCHEDULE
            | RejectionCode.ROTATED_TOO_OFTEN
            | RejectionCode.TOO_MANY_CONFIRMATIONS
        ):
            return _NoPage(404, _UNWANTED)
        case (
            RejectionCode.WRONG_TIME
            | RejectionCode.INVALID_REQUEST
            | RejectionCode.CHANGED_MEANWHILE
            | RejectionCode.UNKNOWN
        ):
            return _NoPage(503, _NOT_RECORDED)
        case _:
            assert_never(code)


def _wish(body: bytes) -> Wish:
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=4).get("answer", [])
    except ValueError:
        given = []
    match given:
        case ["confirm"]:
            return "confirm"
        case ["block"]:
            return "block"
        case _:
            raise _NoPage(400, "No answer was chosen. Please go back and press one of the buttons.")


def _answer(recipient: Recipient) -> Wish | None:
    if recipient.confirmed_at is not None:
        return "confirm"
    return None if recipient.blocked_at is None else "block"


def _has(channel: Channel, address: str) -> bool:
    return CHANNEL_KINDS[channel.kind].by_mail and address in map(normalized, channel.addresses)
