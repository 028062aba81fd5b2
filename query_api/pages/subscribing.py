"""`POST /status/REF/subscribe`: a visitor of a status page asks that its posts are mailed to an address.

Whatever the address is, and whether it is subscribed already, the answer is the same, so nobody learns who subscribes.
Strangers ask, so it is asked seldom: there is a budget for each client and for each page, beside the limits of the fold
(`schemas.page_subscribers`) and those of the mailbox (`schemas.recipients`).
"""

import time
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import customer_of
from query_api.actors import address_of, by_link
from query_api.commands import Late, ask
from query_api.dependencies import Dependencies
from query_api.pages.drawing import SAFE_WITH_FORM
from schemas.ids import new_id
from schemas.mail_addresses import InvalidAddress, mail_address
from schemas.page_subscribers import PageSubscribe
from schemas.rejections import RejectionCode
from schemas.status_pages import StatusPage

# So many at once, and one more every so many seconds.
_OF_CLIENT = Budget(5, 600.0)
_OF_PAGE = Budget(60, 30.0)

_ASKED = (
    "Thank you. If this address is not subscribed yet, a mail with a link is on its way to it. Open the link to agree; "
    "without that nothing is sent."
)
_templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


class SignUps:
    """Takes what the form of a page says."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._clients, self._pages = Budgets(_OF_CLIENT, time.monotonic), Budgets(_OF_PAGE, time.monotonic)

    @property
    def are_taken(self) -> bool:
        """Whether mail is sent from here at all."""
        return self._deps.settings.mail_needs is None

    async def take(self, page: StatusPage, request: Request, back: str) -> HTMLResponse:
        """Ask the owner of the address in the form; what the visitor is told. back: the path of the page."""
        if not self.are_taken:
            return self._told(page, back, 404, "Nobody can subscribe here: no mail is sent.")
        address = _address(await request.body())
        if not address:
            words = "That is no mail address. Go back and give one such as ann@example.org."
            return self._told(page, back, 400, words)
        client = address_of(request)
        keys = ((self._clients, customer_of(client) or client), (self._pages, page.id))
        if (wait := max(budgets.wait(key) for budgets, key in keys)) > 0:
            words = "There were too many requests to subscribe. Try again in some minutes."
            return self._told(page, back, 429, words, int(wait) + 1)
        for budgets, key in keys:
            budgets.spend(key)
        return await self._asked(page, request, back, address)

    async def _asked(self, page: StatusPage, request: Request, back: str, address: str) -> HTMLResponse:
        deps = self._deps
        change = PageSubscribe(request=new_id(), at=deps.clock.now(), page=page.id, address=address)
        try:
            rejection = (await ask(deps, page.project, change, by_link(request))).rejection
        except Late:
            return self._told(page, back, 503, "That could not be recorded in time. Try again in a moment.", 1)
        if rejection is None:
            return self._told(page, back, 200, _ASKED)
        if rejection.code is RejectionCode.LIMIT_REACHED:
            return self._told(page, back, 429, "This page takes no more subscribers now. Try again tomorrow.", 86_400)
        return self._told(page, back, 503, "That could not be recorded. Try again in a moment.", 1)

    def _told(self, page: StatusPage, back: str, status: int, words: str, retry: int = 0) -> HTMLResponse:
        text = _templates.get_template("signed_up.html").render(
            language="en", site=self._deps.settings.site_name, page=page, back=back, words=words
        )
        headers = SAFE_WITH_FORM | {"Cache-Control": "no-store"}
        return HTMLResponse(text, status, headers | {"Retry-After": str(retry)} if retry else headers)


def _address(body: bytes) -> str:
    """The address in a form; empty: there is none."""
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=8, errors="strict").get("address", [""])[0]
        return mail_address(given.strip())
    except (ValueError, InvalidAddress):
        return ""
