"""How status pages look, and the host names they have: what is taken, what is shown, what is refused."""

from base64 import b64encode
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.pages.status_board import Day
from query_api.pages.status_formats import down_height
from schemas.base import SECOND, encode
from schemas.ids import new_id
from schemas.page_looks import LARGEST_LOGO, InvalidLook, checked_domain, checked_logo, contrast, ink_on, written_domain
from schemas.requests import StatusPageFields, StatusPageUpdate
from schemas.topics import PROJECTS
from tests.harness import Harness
from tests.public_pages import PAGES, ask, component, later, make, make_check, shown
from tests.web_browser import Browser

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
DAY = 86_400 * SECOND


def data_url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


@pytest.fixture
def harness() -> Harness:
    return Harness()


@given(st.integers(0, 0xFFFFFF))
def test_text_on_any_colour_can_be_read(colour: int) -> None:
    named = f"#{colour:06x}"
    assert contrast(ink_on(named), named) >= 4.5


@given(st.text(max_size=300))
def test_a_domain_is_taken_in_one_form_or_refused(text: str) -> None:
    try:
        name = written_domain(text)
    except InvalidLook:
        return
    assert written_domain(name) == checked_domain(name) == name
    assert name.isascii()


@given(st.binary(max_size=200), st.sampled_from(["png", "jpeg", "webp", "svg+xml", "gif"]))
def test_only_pictures_are_logos(content: bytes, kind: str) -> None:
    starts = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}
    is_picture = kind in starts and content.startswith(starts[kind])
    try:
        checked_logo(data_url(content, kind))
    except InvalidLook:
        assert not is_picture
    else:
        assert is_picture or (kind == "webp" and content[:4] == b"RIFF")


@given(st.integers(0, DAY), st.integers(0, DAY))
def test_the_red_of_a_day_is_its_share(up: int, down: int) -> None:
    height = down_height(Day("2025-06-15", up, down))
    assert (height > 0) == (down > 0)
    assert height <= 32
    if down and down * 20 <= up:  # an hour of a day or less
        assert height <= 4
    if down and not up:
        assert height == 32


async def test_a_page_has_a_look_and_sections(harness: Harness) -> None:
    one, two, three = [await make_check(harness, name) for name in ("one", "two", "three")]
    page = await make(
        harness,
        components=[
            component("check", one, group="Inside"),
            component("check", two, group="Public"),
            component("check", three, group="Elsewhere"),
        ],
        sections=[{"title": "Public", "description": "What customers <b>use</b>"}, {"title": "Inside"}],
        logo=data_url(PNG),
        accent="#FFEE00",
    )
    assert (page["accent"], page["sections"][1]) == (
        "#ffee00",
        {"title": "Inside", "description": "", "collapsed": False},
    )
    answer = await shown(harness, page)
    text = answer.text
    assert text.index("<bdi>Public</bdi>") < text.index("<bdi>Inside</bdi>") < text.index("<bdi>Elsewhere</bdi>")
    assert "What customers &lt;b&gt;use&lt;/b&gt;" in text
    assert f'<img src="{data_url(PNG)}" alt="">' in text
    assert "background: #ffee00; color: #000000" in text
    assert "img-src data:" in answer.headers["Content-Security-Policy"]
    named = [each["group"] for each in (await shown(harness, page, ".json")).json()["components"]]
    assert named == ["Public", "Inside", "Elsewhere"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"logo": "https://example.org/logo.png"}, "Field 'logo' must be a picture"),
        ({"logo": data_url(b"<svg onload=alert(1)>", "svg+xml")}, "Field 'logo' must be a picture"),
        ({"logo": data_url(b"<svg onload=alert(1)>")}, "Field 'logo' is no PNG picture"),
        ({"logo": data_url(PNG + bytes(LARGEST_LOGO))}, "Field 'logo'"),
        ({"accent": "red; background: url(x)"}, "accent"),
        ({"domain": "localhost"}, "Field 'domain' must be a host name with a dot"),
        ({"domain": "192.0.2.1"}, "Field 'domain' must be a host name with a dot"),
        ({"domain": "[2001:db8::1]"}, "Field 'domain' must be a host name with a dot"),
        ({"domain": "192.0.2.0x1"}, "Field 'domain' must be a host name, and not an IP address"),
        ({"domain": "Status.localhost."}, "Field 'domain' must be a host name that others reach"),
        ({"domain": "https://status.example.org/"}, "Field 'domain' must be a host name"),
        ({"sections": [{"title": "a"}, {"title": "a"}]}, "Field 'sections': two have the title 'a'"),
    ],
)
async def test_what_cannot_be_shown_is_refused_by_its_field(
    harness: Harness, fields: dict[str, object], words: str
) -> None:
    answer = await ask(harness, "POST", PAGES, {"title": "Example"} | fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


async def test_a_page_is_shown_at_its_host_name(harness: Harness) -> None:
    page = await make(harness, title="Shop", domain="Status.Bücher.example.")
    assert page["domain"] == "status.xn--bcher-kva.example"
    for host in ("status.xn--bcher-kva.example", "STATUS.xn--bcher-kva.example:8443"):
        answer = await harness.client.get("/", headers={"Host": host})
        assert answer.status_code == 200
        assert "<bdi>Shop</bdi>" in answer.text
    elsewhere = await harness.client.get("/", headers={"Host": "other.example"})
    assert "<bdi>Shop</bdi>" not in elsewhere.text
    taken = await ask(harness, "POST", PAGES, {"title": "Mine", "domain": "status.bücher.example"}, key="p" * 32)
    assert taken.status_code == 400
    assert "another status page is shown at" in taken.json()["message"]
    # It may be named again by the page that has it, and is free when that has another.
    assert (await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"domain": page["domain"]})).status_code == 200
    assert (await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"domain": ""})).status_code == 200
    mine = await ask(harness, "POST", PAGES, {"title": "Mine", "domain": "status.bücher.example"}, key="p" * 32)
    assert mine.status_code == 201


async def test_no_page_takes_the_overview_from_people(harness: Harness) -> None:
    """Whoever has named their host as that of a page."""
    page = await make(harness, title="Shop", domain="up.example.org")
    visitor, boss = (Browser(harness, site="http://up.example.org") for _ in range(2))
    await boss.sign_in()
    for browser, is_page in ((visitor, True), (boss, False)):
        answer = await browser.get("/")
        assert (answer.status_code, "<bdi>Shop</bdi>" in answer.text) == (200, is_page)
        assert "Cookie" in answer.headers["Vary"]
    assert (await visitor.get("/", headers={"Authorization": "Basic eDp5"})).status_code == 200
    # A session that has ended is asked for again.
    boss.cookies.update({name: "x" for name in boss.cookies})
    assert (await boss.get("/")).headers["Location"] == "/sign-in?next=/"
    assert (await harness.client.get("/", headers={"Host": "other.example"})).status_code == 303
    assert (await ask(harness, "DELETE", f"{PAGES}/{page['id']}")).status_code == 200


async def test_a_page_is_not_shown_at_the_base_url() -> None:
    """Though it was named before that was set."""
    harness = Harness(public_url="https://up.example.org")
    page = await make(harness)
    change = StatusPageUpdate(
        request=new_id(), at=harness.log.time, id=page["id"], fields=StatusPageFields(domain="up.example.org")
    )
    harness.log.send(PROJECTS.name, harness.project, encode(change))
    assert (await harness.client.get("/", headers={"Host": "up.example.org"})).status_code == 303
    refused = await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"domain": "UP.example.org."})
    assert (refused.status_code, "the address of this Pingfold" in refused.json()["message"]) == (400, True)


async def test_no_page_has_the_host_by_which_it_was_asked_for(harness: Harness) -> None:
    boss, words = Browser(harness, site="http://up.example.org:8000"), "you reach this Pingfold at"
    await boss.sign_in()
    page = await make(harness, title="Shop", domain="status.example.org")
    for path in (f"/status-pages/new/{harness.project}", f"/status-pages/{page['id']}"):
        fields = {"title": "Mine", "domain": "Up.example.org", "do": "save"}
        answer = await boss.send_form(path, fields, path)
        assert (answer.status_code, words in unescape(answer.text)) == (400, True)
    for method, path in (("POST", PAGES), ("PATCH", f"{PAGES}/{page['id']}")):
        body = {"title": "Mine", "domain": "up.example.org"}
        refused = await ask(harness, method, path, body, host="UP.example.org.:8000")
        assert (refused.status_code, words in refused.json()["message"]) == (400, True)
    # Whoever reaches it by the name that the page has, may send that again.
    same = {"title": "Shop 2", "domain": "status.example.org"}
    kept = await ask(harness, "PATCH", f"{PAGES}/{page['id']}", same, host="status.example.org")
    assert kept.status_code == 200


async def test_the_first_of_two_pages_has_the_host_name(harness: Harness) -> None:
    """Two projects are decided apart, so both may have taken it."""
    first, second = await make(harness, title="First", domain="status.example.org"), await make(harness, title="Second")
    harness.log.tick(1)
    change = StatusPageUpdate(
        request=new_id(), at=harness.log.time, id=second["id"], fields=StatusPageFields(domain="status.example.org")
    )
    harness.log.send(PROJECTS.name, harness.project, encode(change))
    later(harness)
    answer = await harness.client.get("/", headers={"Host": "status.example.org"})
    assert "<bdi>First</bdi>" in answer.text
    assert (await ask(harness, "DELETE", f"{PAGES}/{first['id']}")).status_code == 200
    answer = await harness.client.get("/", headers={"Host": "status.example.org"})
    assert "<bdi>Second</bdi>" in answer.text


async def test_the_page_reloads_itself_only_when_asked(harness: Harness) -> None:
    page = await make(harness)
    assert "http-equiv" not in (await shown(harness, page)).text
    assert 'http-equiv="refresh"' in (await shown(harness, page, "?reload=1")).text
