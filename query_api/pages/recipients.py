"""`/recipients/TOKEN`: where the owner of an address answers whether a project may send mail there.

The link stands in the mail that asks, and the page is in the language of that. The owner's newest answer counts, as
long as the link is valid.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Literal, assert_never
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response

from infra.budgets import Budget, Budgets
from infra.secrets.confirmation_links import PATH
from query_api.actors import by_link
from query_api.commands import Late, ask, wait_until
from query_api.dependencies import Dependencies
from query_api.pages import link_pages
from query_api.pages.link_pages import LinkPages, NothingToAnswer, reading_of
from schemas.actors import Actor
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.ids import new_id
from schemas.languages.reading import ENGLISH_UTC, Reading
from schemas.recipients import Recipient, normalized
from schemas.rejections import RejectionCode
from schemas.requests import RecipientBlock, RecipientConfirm

Wish = Literal["confirm", "block"]

# Each change of mind is an event, so few are taken: so many at once of a recipient, and one more every so many seconds.
_CHANGES = Budget(10, 60.0)
# So many things that are down are named, of so many that are looked at before others have their turn.
_MOST_DOWN = 50
_AT_ONCE = 200


class RecipientPages(LinkPages[Recipient]):
    """The page of a recipient."""

    template = "recipient.html"

    def __init__(self, deps: Dependencies) -> None:
        super().__init__(deps)
        self._changes = Budgets(_CHANGES, time.monotonic)

    async def find(self, token: str) -> Recipient:
        deps, link = self.deps, self.deps.links.read(token)
        if link is None:
            raise NothingToAnswer(404, "page.link_invalid")
        recipient = await self.looked_up(
            partial(deps.directory.recipient, link.recipient), NothingToAnswer(404, "page.unwanted")
        )
        if link.expires <= deps.clock.now():
            raise NothingToAnswer(410, "page.link_expired", self._reading(recipient))
        return recipient

    def page(self, found: Recipient) -> Response:
        return self._page(found)

    async def answer(self, found: Recipient, request: Request) -> Response:
        """Take the owner's answer: `answer=confirm` or `answer=block`, as the form sends it."""
        reading = self._reading(found)
        wish = _wish(await request.body())
        if wish is None:
            raise NothingToAnswer(400, "page.no_answer", reading)
        if _answer(found) != wish:
            found = await self._answered(found, wish, by_link(request), reading)
        return self._page(found, await self._down(found) if wish == "confirm" else [])

    async def _answered(self, recipient: Recipient, wish: Wish, actor: Actor, reading: Reading) -> Recipient:
        """The recipient as it is when the answer was taken. Raises `NothingToAnswer`."""
        if self._changes.wait(recipient.id) > 0:
            raise NothingToAnswer(429, "page.too_often", reading)
        self._changes.spend(recipient.id)
        deps, kind = self.deps, RecipientConfirm if wish == "confirm" else RecipientBlock
        try:
            decision = await ask(
                deps, recipient.project, kind(request=new_id(), at=deps.clock.now(), id=recipient.id), actor
            )
        except Late:
            raise NothingToAnswer(503, "page.not_recorded", reading) from None
        if (rejection := decision.rejection) is not None:
            raise no_page_of(rejection.code, reading)

        def now() -> Recipient:
            return deps.directory.recipient(recipient.id) or recipient

        await wait_until(deps.definitions_replica, lambda: _answer(now()) == wish)
        return now()

    async def _down(self, recipient: Recipient) -> list[str]:
        """The names of what is down, among that of which the recipient is told from now on."""
        found = list[str]()
        told = {channel.id for channel in self._channels(recipient)}
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
        deps = self.deps
        for monitor in deps.directory.monitors_of(project):
            running = deps.monitor_states.state(monitor.id)
            yield monitor.name, "new" if running is None else running.status, monitor.channels
        for check in deps.directory.checks_of(project):
            state = deps.states.state(check.id)
            yield check.name or check.slug or check.id, "new" if state is None else state.status, check.channels

    def _page(self, recipient: Recipient, down: list[str] | None = None) -> Response:
        """down: what is down now, after an answer."""
        project = self.deps.directory.projects.get(recipient.project)
        return self.rendered(
            200,
            self._reading(recipient),
            address=recipient.address,
            project="" if project is None else project.name,
            answer=_answer(recipient),
            down=down,
        )

    def _channels(self, recipient: Recipient) -> list[Channel]:
        """Those that send to the recipient, oldest first."""
        channels = self.deps.directory.channels_of(recipient.project)
        return sorted((each for each in channels if _has(each, recipient.address)), key=lambda each: each.created)

    def _reading(self, recipient: Recipient) -> Reading:
        """As the request to confirm was told, which the newest channel with the address has made."""
        channels = self._channels(recipient)
        return reading_of(channels[-1] if channels else None)


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application: `app.state.recipients`."""
    app.state.recipients = RecipientPages(deps)
    link_pages.install(app, PATH, app.state.recipients)


def no_page_of(code: RejectionCode, reading: Reading = ENGLISH_UTC) -> NothingToAnswer:
    """The page for an answer that the `projects` fold rejects."""
    match code:
        case (
            RejectionCode.PROJECT_NOT_FOUND
            | RejectionCode.CHECK_NOT_FOUND
            | RejectionCode.MONITOR_NOT_FOUND
            | RejectionCode.CHANNEL_NOT_FOUND
            | RejectionCode.STATUS_PAGE_NOT_FOUND
            | RejectionCode.STATUS_POST_NOT_FOUND
            | RejectionCode.SUBSCRIBER_NOT_FOUND
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
            return NothingToAnswer(404, "page.unwanted", reading)
        case (
            RejectionCode.WRONG_TIME
            | RejectionCode.INVALID_REQUEST
            | RejectionCode.CHANGED_MEANWHILE
            | RejectionCode.UNKNOWN
        ):
            return NothingToAnswer(503, "page.not_recorded", reading)
        case _:
            assert_never(code)


def _wish(body: bytes) -> Wish | None:
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
            return None


def _answer(recipient: Recipient) -> Wish | None:
    if recipient.confirmed_at is not None:
        return "confirm"
    return None if recipient.blocked_at is None else "block"


def _has(channel: Channel, address: str) -> bool:
    return CHANNEL_KINDS[channel.kind].by_mail and address in map(normalized, channel.addresses)
