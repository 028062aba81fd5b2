"""Decisions of the `projects` fold about subscribers of status pages. Pure.

- Until its owner has confirmed, an address gets only the confirmation request, at most twice. `deliveries`, which knows
  the mailbox, limits the requests to a mailbox over all pages and projects.
- A confirmed subscriber is an endpoint of the sender under its own id: mails have retries and an end like those to a
  channel. Unsubscribing, deleting the page, and giving up the address remove both, and end pending mails.
- The next tick removes subscribers that have not confirmed in time.
"""

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.base import SECOND, Micros
from schemas.channels.email import Email
from schemas.definitions import Project, definition_key
from schemas.deliveries import ConfirmationRequested, Endpoint, EndpointDefined, EndpointRemoved
from schemas.page_subscribers import (
    MOST_REQUESTS,
    MOST_SUBSCRIBERS,
    MOST_UNCONFIRMED,
    PageSubscribe,
    PageSubscriber,
    PageSubscriptionConfirm,
    PageSubscriptionEnd,
    SubscriberRequest,
    subscriber_id,
)
from schemas.recipients import mailbox_id, normalized
from schemas.rejections import RejectionCode
from schemas.status_pages import StatusPage
from schemas.ticks import NEVER
from schemas.topics import DELIVERIES

# Who did not get the first request asks for another one after a while.
AGAIN_AFTER: Micros = 600 * SECOND


class PageSubscribers:
    """The subscribers of one partition's pages."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        # By page, those that have confirmed and the others, and when the others end: indexes that follow the view.
        self._confirmed: dict[str, set[str]] = {}
        self._waiting: dict[str, set[str]] = {}
        self._ends: dict[str, Micros] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, _key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, PageSubscriber):
            table = self._waiting if old.confirmed is None else self._confirmed
            table[old.page].discard(old.id)
            if not table[old.page]:
                del table[old.page]
            self._ends.pop(old.id, None)
        if isinstance(new, PageSubscriber):
            table = self._waiting if new.confirmed is None else self._confirmed
            table.setdefault(new.page, set()).add(new.id)
            if new.confirmed is None:
                self._ends[new.id] = new.expires

    def confirmed(self, page: str) -> list[str]:
        """Ids of those that are mailed the posts of a page, in order."""
        return sorted(self._confirmed.get(page, ()))

    def decide(self, request: SubscriberRequest, project: Project, at: Micros) -> list[Effect]:
        if isinstance(request, PageSubscribe):
            return self._subscribe(request, self._index.page(project.id, request.page), at)
        subscriber = self._index.subscriber(project.id, request.id)
        match request:
            case PageSubscriptionConfirm():
                return [*self._confirm(subscriber, at), decision(request, "updated", subscriber.id)]
            case PageSubscriptionEnd():
                return [*self._end(subscriber, at), decision(request, "removed", subscriber.id)]

    def given_up(self, id: str, project: str, at: Micros) -> list[Effect]:
        """The sender has given the address up. Nothing, where it is no subscriber's."""
        subscriber = self._view.get(f"page-subscriber/{id}")
        if not isinstance(subscriber, PageSubscriber) or subscriber.project != project:
            return []
        return self._end(subscriber, at)

    def remove_all(self, page: str, at: Micros) -> list[Effect]:
        """Their page is removed."""
        ids = sorted(self._confirmed.get(page, set()) | self._waiting.get(page, set()))
        return [effect for id in ids for effect in self._end(self._view.get(f"page-subscriber/{id}"), at)]

    def due(self) -> Micros:
        """When the first of those that have not confirmed ends."""
        return min(self._ends.values(), default=NEVER)

    def tick(self, time: Micros) -> list[Effect]:
        """Forget those that have not confirmed in time."""
        over = sorted(id for id, end in self._ends.items() if end <= time)
        return [effect for id in over for effect in self._end(self._view.get(f"page-subscriber/{id}"), time)]

    def correct(self, time: Micros) -> None:
        """The time had run ahead and is set back: nobody's time to confirm is longer because of it."""
        for id in sorted(self._ends):
            subscriber: PageSubscriber = self._view.get(f"page-subscriber/{id}")
            if subscriber.created > time:
                earlier = replace(subscriber, created=time, asked=min(subscriber.asked, time))
                self._view.put(definition_key(earlier), earlier)

    def _subscribe(self, request: PageSubscribe, page: StatusPage, at: Micros) -> list[Effect]:
        id = subscriber_id(page.id, request.address)
        known: PageSubscriber | None = self._view.get(f"page-subscriber/{id}")
        if known is not None:
            if known.confirmed is not None or known.times >= MOST_REQUESTS or at < known.asked + AGAIN_AFTER:
                return [decision(request, "found", id)]
            subscriber = known.asked_again(at)
        else:
            waiting = len(self._waiting.get(page.id, ()))
            if waiting >= MOST_UNCONFIRMED or waiting + len(self._confirmed.get(page.id, ())) >= MOST_SUBSCRIBERS:
                raise RequestRejected(RejectionCode.LIMIT_REACHED, "the page takes no more subscribers now")
            subscriber = PageSubscriber(
                id=id,
                project=page.project,
                page=page.id,
                address=normalized(request.address),
                created=at,
                asked=at,
            )
        self._view.put(definition_key(subscriber), subscriber)
        asked = ConfirmationRequested(
            at=at,
            recipient=id,
            project=page.project,
            address=request.address,
            n=at,
            expires=subscriber.expires,
            page=page.title,
        )
        return [Effect(DELIVERIES, mailbox_id(request.address), asked), decision(request, "made", id)]

    def _confirm(self, subscriber: PageSubscriber, at: Micros) -> list[Effect]:
        if subscriber.confirmed is not None:
            return []
        self._view.put(definition_key(subscriber), replace(subscriber, confirmed=at))
        endpoint = Endpoint(
            id=subscriber.id,
            project=subscriber.project,
            url="",
            notices=(),
            secret="",
            kind=Email.name,
            addresses=(subscriber.address,),
            digest=False,
        )
        return [Effect(DELIVERIES, subscriber.id, EndpointDefined(at=at, endpoint=endpoint))]

    def _end(self, subscriber: PageSubscriber, at: Micros) -> list[Effect]:
        self._view.delete(definition_key(subscriber))
        if subscriber.confirmed is None:
            return []
        return [Effect(DELIVERIES, subscriber.id, EndpointRemoved(at=at))]
