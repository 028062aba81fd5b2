"""A browser that looks at the pages of a Pingfold in memory: it keeps cookies, follows what a form leads to, and sends
forms as they stand on a page."""

import re
from html import escape, unescape
from typing import Any

import httpx

from pingfold.roles.path_prefix import PathPrefix
from tests.harness import ADMIN_PASSWORD, Harness

SITE = "http://pingfold.test"
_FORM = re.compile(r'<form method="post" action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r"<input ([^>]*)>")
# A choice that is not made is not sent.
_UNCHOSEN = re.compile(r'type="(?:checkbox|radio)"(?!.* checked)')
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
    inputs = [dict(_ATTRIBUTE.findall(one)) for one in _INPUT.findall(forms[0][1]) if not _UNCHOSEN.search(one)]
    return unescape(forms[0][0]), {one["name"]: unescape(one.get("value", "")) for one in inputs if "name" in one}


def fields_of(page: httpx.Response, action: str) -> dict[str, Any]:
    """What a browser sends of a form as it stands: its inputs, with only those that are checked."""
    to, _ = form_of(page.text, action)
    text = page.text[page.text.index(f'action="{escape(to)}"') :]
    text = text[: text.index("</form>")]
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input ([^>]*)>", text):
        said = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        is_box = said.get("type", "") in ("checkbox", "radio")
        if "name" in said and (not is_box or tag.endswith(" checked") or " checked " in tag):
            value, name = unescape(said.get("value", "")), said["name"]
            fields[name] = [*fields.get(name, []), value] if said.get("type") == "checkbox" else value
    for name, value in re.findall(r'<textarea [^>]*?name="([a-z_]+)"[^>]*>\n?([^<]*)</textarea>', text):
        fields[name] = unescape(value)
    for name, inner in re.findall(r'<select [^>]*?name="([a-z_]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inner) or re.search(r'<option value="([^"]*)"', inner)
        assert chosen is not None
        fields[name] = unescape(chosen[1])
    return fields
