"""Subscribers of a status page: addresses whose owners have asked to be mailed its posts, and have confirmed that.

A subscriber's definition stands under `page-subscriber/<id>` in `definitions`. Its id is that of the page and the
address, so that asking twice makes one. One that is not confirmed in time, or ends, is removed, and its address with
it. Until it is confirmed nothing is sent but the request to confirm.
"""

from msgspec.structs import replace

from schemas.base import SECOND, Fact, Micros
from schemas.ids import derived_id
from schemas.recipients import Address, normalized
from schemas.request_base import Request

_DAY: Micros = 86_400 * SECOND

# Of a page, confirmed or not: each of its posts is that many mails.
MOST_SUBSCRIBERS = 1_000
# Of a page, that are not confirmed: strangers ask for them.
MOST_UNCONFIRMED = 100
# The link in a request to confirm is valid for so long; then the address is forgotten.
CONFIRM_WITHIN: Micros = 2 * _DAY
# An address is asked by one page at most so often within that time.
MOST_REQUESTS = 2


class PageSubscriber(Fact, tag="page-subscriber", frozen=True):
    """A subscriber. address: in lower case. times: number of requests to confirm, the newest made at `asked`.

    confirmed: when the owner of the address agreed; None: not yet.
    """

    id: str
    project: str
    page: str
    address: str
    created: Micros
    asked: Micros
    times: int = 1
    confirmed: Micros | None = None

    def asked_again(self, at: Micros) -> "PageSubscriber":
        """The same after one more request to confirm."""
        return replace(self, asked=at, times=self.times + 1)

    @property
    def expires(self) -> Micros:
        """When one that is not confirmed is forgotten."""
        return self.created + CONFIRM_WITHIN


class PageSubscribe(Request, tag="page.subscribe", frozen=True):
    """Somebody, possibly the owner of the address, subscribes the address to `page`."""

    page: str
    address: Address


class PageSubscriptionConfirm(Request, tag="page.subscription-confirm", frozen=True):
    """The owner of the address confirms."""

    id: str


class PageSubscriptionEnd(Request, tag="page.subscription-end", frozen=True):
    """The owner of the address, or an editor of the page, unsubscribes it."""

    id: str


SubscriberRequest = PageSubscribe | PageSubscriptionConfirm | PageSubscriptionEnd


def subscriber_id(page: str, address: str) -> str:
    """The id of the subscriber of a page."""
    return derived_id("page-subscriber", page, normalized(address))
