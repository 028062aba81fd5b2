"""`/subscriptions/TOKEN`: where the owner of an address confirms that a status page mails it, and unsubscribes.

The link stands in the mails. Mail programs unsubscribe by one request without a page (RFC 8058): a POST that says
`List-Unsubscribe=One-Click`. A link that has expired confirms nothing any more, and still unsubscribes: whoever has an
old mail must get out. To unsubscribe twice is no fault.
"""

from functools import partial
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response

from infra.secrets.confirmation_links import SUBSCRIPTIONS_PATH
from query_api.actors import by_link
from query_api.commands import Late, ask, gone, wait_until
from query_api.dependencies import Dependencies
from query_api.pages import link_pages
from query_api.pages.link_pages import LinkPages, NothingToAnswer
from schemas.ids import new_id
from schemas.languages.reading import ENGLISH_UTC
from schemas.page_subscribers import PageSubscriber, PageSubscriptionConfirm, PageSubscriptionEnd
from schemas.rejections import RejectionCode

_UNKNOWN = "subscription.unknown"
_ONE_CLICK = {"List-Unsubscribe": ["One-Click"]}


class Subscription(NamedTuple):
    """What a token leads to. expired: it confirms nothing any more."""

    subscriber: PageSubscriber
    expired: bool


class SubscriptionPages(LinkPages[Subscription]):
    """The page of a subscriber."""

    template = "subscription.html"

    async def find(self, token: str) -> Subscription:
        deps, link = self.deps, self.deps.subscription_links.read(token)
        if link is None:
            raise NothingToAnswer(404, "page.link_invalid")
        find = partial(deps.directory.page_news.subscriber, link.recipient)
        subscriber = await self.looked_up(find, NothingToAnswer(410, _UNKNOWN))
        return Subscription(subscriber, link.expires <= deps.clock.now())

    def page(self, found: Subscription) -> Response:
        return self._page(found.subscriber, found.expired)

    async def take(self, request: Request, token: str) -> Response:
        if (wish := _wish(await request.body())) != "end" or self.deps.subscription_links.read(token) is None:
            return await super().take(request, token)
        try:
            found = await self.find(token)
        except NothingToAnswer as none:
            # It has ended, which is what was wanted.
            return self._ended() if none.sentence == _UNKNOWN else self.no_page(none)
        try:
            return await self._taken(found, wish, request)
        except NothingToAnswer as none:
            return self.no_page(none)

    async def answer(self, found: Subscription, request: Request) -> Response:
        """Take the answer `answer=confirm` or `answer=end`, as the form sends it."""
        wish = _wish(await request.body())
        if wish is None:
            raise NothingToAnswer(400, "page.no_answer")
        return await self._taken(found, wish, request)

    async def _taken(self, found: Subscription, wish: Literal["confirm", "end"], request: Request) -> Response:
        deps, subscriber = self.deps, found.subscriber
        if wish == "confirm" and found.expired:
            raise NothingToAnswer(410, "page.link_expired")
        if wish == "confirm" and subscriber.confirmed is not None:
            return self._page(subscriber, found.expired)
        kind = PageSubscriptionConfirm if wish == "confirm" else PageSubscriptionEnd
        change = kind(request=new_id(), at=deps.clock.now(), id=subscriber.id)
        try:
            decision = await ask(deps, subscriber.project, change, by_link(request))
        except Late:
            raise NothingToAnswer(503, "page.not_recorded") from None
        find = deps.directory.page_news.subscriber
        if (rejection := decision.rejection) is not None:
            if rejection.code is not RejectionCode.SUBSCRIBER_NOT_FOUND:
                raise NothingToAnswer(503, "page.not_recorded")
            if wish == "confirm":
                raise NothingToAnswer(410, _UNKNOWN)
        if wish == "end":
            await gone(deps, find, subscriber.id)
            return self._ended()

        def now() -> PageSubscriber:
            return find(subscriber.id) or subscriber

        await wait_until(deps.definitions_replica, lambda: now().confirmed is not None)
        return self._page(now(), found.expired)

    def _page(self, subscriber: PageSubscriber, expired: bool) -> Response:
        page = self.deps.directory.page(subscriber.page)
        title = "" if page is None else page.title
        active = subscriber.confirmed is not None
        return self.rendered(
            200, ENGLISH_UTC, address=subscriber.address, page=title, active=active, expired=expired and not active
        )

    def _ended(self) -> Response:
        return self.rendered(200, ENGLISH_UTC, ended=True)


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    link_pages.install(app, SUBSCRIPTIONS_PATH, SubscriptionPages(deps))


def _wish(body: bytes) -> Literal["confirm", "end"] | None:
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=4)
    except ValueError:
        return None
    if given == _ONE_CLICK or given.get("answer") == ["end"]:
        return "end"
    return "confirm" if given.get("answer") == ["confirm"] else None
