"""A browser that looks at the pages of a Pingfold in memory: it keeps cookies, follows what a form leads to, and sends
forms as they stand on a page."""

import re
from html import unescape
from typing import Any

import httpx

from pingfold.roles.path_prefix import PathPrefix
from tests.harness import ADMIN_PASSWORD, Harness

SITE = "http://pingfold.test"
_FORM = re.compile(r'<form method="post" action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')

Fields = dict[str, str]


class Browser(httpx.AsyncClient):
    """Of one person, at an address. site: how he calls this Pingfold."""

    def __init__(self, harness: Harness, address: str = "192.0.2.7", site: str = SITE) -> None:
        app = PathPrefix(harness.app, harness.settings.path_prefixes)
        transport = httpx.ASGITransport(app, client=(address, 5))
        super().__init__(transport=transport, base_url=site, headers={"Sec-Fetch-Site": "same-origin"})

    async def send_form(self, path: str, fields: dict[str, Any], action: str = "", **headers: str) -> httpx.Response:
        """Open a page, fill in its form, and send it. action: the end of that of the form, where there are several."""
        page = await self.get(path)
        assert page.status_code == 200, (page.status_code, page.text)
        return await self.send_form_of(page, fields, action, **headers)

    async def send_form_of(
        self, page: httpx.Response, fields: dict[str, Any], action: str = "", **headers: str
    ) -> httpx.Response:
        """Fill in the form of a page that is open, and send it."""
        to, hidden = form_of(page.text, action)
        return await self.post(to, data=hidden | fields, headers=headers)

    async def sign_in(self, name: str = "admin", password: str = ADMIN_PASSWORD, next: str = "/") -> httpx.Response:
        """Send the form of `/sign-in`; the answer to it, which is not followed."""
        page = await self.get("/sign-in", params={"next": next})
        return await self.send_form_of(page, {"name": name, "password": password})


def form_of(page: str, action: str = "") -> tuple[str, Fields]:
    """The action of a form on a page, and what its inputs hold."""
    forms = [one for one in _FORM.findall(page) if unescape(one[0]).endswith(action)]
    assert len(forms) == 1, f"{len(forms)} forms that lead to {action or 'anywhere'}"
    inputs = [dict(_ATTRIBUTE.findall(one)) for one in _INPUT.findall(forms[0][1])]
    return unescape(forms[0][0]), {one["name"]: unescape(one.get("value", "")) for one in inputs if "name" in one}
