"""Every form of the web application, with what no browser sends: it is refused in words, and no page repeats it raw."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from infra.secrets.secrets import Vault
from tests.people_world import invited, member, owner
from tests.web_browser import Browser, fields_of, form_of
from tests.web_world import EVE, WITHOUT_SESSION, WebWorld

FORM = "application/x-www-form-urlencoded"
RAW = '"><script>alert(1)</script>'
VALUES = (
    "a\x00b\x1b[31m\r\n",
    "\u202eevil\u2066",
    "x" * 100_000,
    "9" * 400,
    "١٢٣",
    RAW,
    "\U0001f4a9" * 500,
    "-1",
    "nan",
    '{"a":[[[[',
    "0001-01-01T00:00",
    "00000000-0000-0000-0000-000000000000",
)
# What somebody does about himself without ending his session, and the page where its form stands.
OF_HIMSELF = {"/account/name": "/account", "/account/password": "/account", "/account/codes": "/account/codes"}


def bodies(token: str, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Bodies that are no form of any page, each with its content type."""
    head = f"form_token={token}&"
    yield FORM, f"{head}{'&'.join(f'{name}=%ed%a0%80' for name in names)}".encode()  # lone surrogates
    yield FORM, f"{head}{'&'.join(f'{name}=1&{name}=2' for name in names)}".encode()
    yield FORM, f"{head}{'&'.join(f'a{number}=1' for number in range(10_000))}".encode()
    yield FORM, f"{head}name=\u00fc".encode()
    yield FORM, b"form_token=%00%ff&name=1"
    yield "multipart/form-data; boundary=x", b"--x\r\n"
    yield "application/json", b'{"form_token": 1}'
    yield "", b"name=x"


async def filled() -> WebWorld:
    """With a vault that takes nothing for sealed which it has not sealed."""
    return await WebWorld(Vault(b"k" * 32, "a test")).fill()


async def forms_of(world: WebWorld) -> AsyncIterator[tuple[Browser, str, dict[str, Any]]]:
    """Each form with what a browser sends of it, and the browser; those that remove something last."""
    harness = world.harness
    boss = await owner(harness)
    link = await invited(boss, harness.project, EVE)
    nobody = Browser(harness)
    typed = {"name": "x", "password": "x", "repeated": "y", "half": "x", "code": "1", "next": "/", "carried": "x"}
    for path in WITHOUT_SESSION:
        yield nobody, path.replace("/invitations/{token}", link), typed | {"zone": "UTC", "theme": "dark"}
    ann = await member(harness, "editor")
    for path, page in OF_HIMSELF.items():
        yield ann, path, fields_of(await ann.get(page), path)
    for form in world.forms():
        yield boss, form.to, await form.fields(boss)


async def test_no_field_of_any_form_takes_a_page_down() -> None:
    """Each field has one of the values, and another one in the next form."""
    sent = 0
    async for browser, to, fields in forms_of(await filled()):
        for name in fields:
            value = VALUES[sent % len(VALUES)]
            sent += 1
            answer = await browser.post(to, data=fields | {name: value})
            assert answer.status_code < 500, (to, name, value[:40], answer.text[-400:])
            assert RAW not in answer.text, (to, name)
    assert sent > 300


async def test_no_body_of_any_form_takes_a_page_down() -> None:
    told = set()
    async for browser, to, fields in forms_of(await filled()):
        for kind, body in bodies(fields.get("form_token", ""), [*fields, "name"]):
            answer = await browser.post(to, content=body, headers={"Content-Type": kind})
            told.add(answer.status_code)
            assert answer.status_code < 500, (to, kind, body[:80], answer.text[-400:])
    assert {400, 403, 413, 415} <= told


async def test_what_a_page_holds_but_gives_no_field_for_is_not_handed_on() -> None:
    """The key that makes one thing of a form sent twice goes into a header of the request to the API."""
    world = await WebWorld().fill()
    boss, path = await owner(world.harness), f"/checks/new?project={world.harness.project}"
    for number, once in enumerate(("١٢٣", "a\r\nX-Api-Key: b", "\u202e", "x" * 300, "")):
        page = await boss.get(path)
        fields = form_of(page.text, "/checks/new")[1] | {"name": f"n{number}", "once": once}
        assert (await boss.post("/checks/new", data=fields)).status_code == 303, once
