"""`/docs`: a page for each public API, which has every operation and loads nothing."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from query_api.app import APIS
from query_api.http.public_api import PublicApi
from tests.harness import Harness


class Page(HTMLParser):
    """What a page has: its tags with their attributes, ids, links, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.within: list[str] = [""]
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.within.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.within.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.within[-1], []).append(data)


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def page(harness: Harness, path: str) -> Page:
    answer = await harness.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    read = Page(answer.text)
    # No script, image, frame, form or style sheet; the one style is that of the policy.
    assert set(read.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "a", "code", "pre", "nav", "ul", "li",
        "section", "span", "table", "tr", "th", "td", "main",
    }  # fmt: skip
    assert read.attributes <= {"lang", "charset", "name", "content", "href", "id", "class", "aria-label"}
    assert [link for link in read.links if ":" in link or link.startswith("/")] == []
    [style] = read.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert answer.headers.get_list("content-security-policy") == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ]
    return read


async def test_the_first_page_leads_to_all(harness: Harness) -> None:
    first = await page(harness, "/docs")
    assert first.links == [*(f"docs/{api.name}" for api in APIS), "openapi.json"]
    for link in first.links:
        assert (await harness.client.get(f"/{link}")).status_code == 200


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
async def test_a_page_has_every_operation_and_object(harness: Harness, api: PublicApi) -> None:
    assert api.page is not None
    read = await page(harness, f"/docs/{api.name}")
    assert len(read.ids) == len(set(read.ids))
    assert {link for link in read.links if link.startswith("#")} <= {f"#{id}" for id in read.ids}
    assert {link for link in read.links if not link.startswith("#")} == {"../openapi.json", "../docs"}
    document = harness.app.openapi()
    operations = [
        (verb.upper(), path, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if path.startswith(api.page.base + "/") and {api.page.scheme: []} in operation["security"]
    ]
    assert len(operations) >= 5
    commands = read.texts["pre"]
    assert len(commands) == len(operations)
    text = " ".join(text for texts in read.texts.values() for text in texts)
    for verb, path, operation in operations:
        url = harness.settings.base_url + re.sub(r"{(\w+)}", lambda found: f"${found[1].upper()}", path)
        command = f'curl {"" if verb == "GET" else f"-X {verb} "}"{url}" \\\n'
        [found] = [one for one in commands if one.startswith(command)]
        assert api.page.key in found
        assert ("-d '{" in found) == ("requestBody" in operation)
        assert operation["description"].split(".")[0].split("`")[0] in text
        for parameter in operation.get("parameters", ()):
            assert parameter["name"] in text


async def test_every_operation_is_on_a_page(harness: Harness) -> None:
    """A third API, or a key of another kind, needs a page."""
    schemes = {
        name
        for verbs in harness.app.openapi()["paths"].values()
        for operation in verbs.values()
        for one in operation["security"]
        for name in one
    }
    assert schemes == {api.page.scheme for api in APIS if api.page is not None}


async def test_what_is_not_there_is_not_found(harness: Harness) -> None:
    answer = await harness.client.get("/docs/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})
    assert (await harness.client.head("/docs")).status_code == 200
