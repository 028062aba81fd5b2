"""The editor of status pages in the web application: made, changed, previewed, written on, by who may."""

import re
from typing import Any

import httpx
import pytest

from schemas.base import encode
from schemas.ids import new_id
from schemas.page_subscribers import PageSubscribe, PageSubscriptionConfirm, subscriber_id
from schemas.topics import PROJECTS
from tests.harness import Harness
from tests.people_world import member, owner
from tests.public_pages import later, make, make_check, shown
from tests.web_browser import Browser, form_of

HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture
def harness() -> Harness:
    return Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>")


async def send(browser: Browser, path: str, action: str = "", **fields: Any) -> httpx.Response:
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    to, hidden = form_of(page.text, action or path)
    return await browser.post(to, data=hidden | fields)


async def test_a_page_is_made_and_changed_in_the_browser(harness: Harness) -> None:
    check = await make_check(harness, "backup")
    boss = await owner(harness)
    path = f"/status-pages/new/{harness.project}"
    added = await send(boss, path, title="Shop", do="add", add=f"check/{check}")
    assert added.status_code == 200
    assert f'value="check/{check}"' in added.text
    to, hidden = form_of(added.text, path)
    hidden |= {"description": "All of it", "sections": "Public | What customers use", "group": "Public"}
    hidden["sections"] += " | closed"
    preview = await boss.post(to, data=hidden | {"do": "preview"})
    assert preview.status_code == 200
    for words in ("<bdi>Shop</bdi>", "What customers use", "backup", "All of it"):
        assert words in preview.text
    assert harness.log.directory.pages_of(harness.project) == []
    made = await boss.post(to, data=hidden | {"do": "save"})
    assert made.status_code == 303, made.text
    assert (await boss.post(to, data=hidden | {"do": "save"})).headers["Location"] == made.headers["Location"]
    [page] = harness.log.directory.pages_of(harness.project)
    assert (page.title, page.slug, page.components[0].group) == ("Shop", "shop", "Public")
    assert (page.sections[0].description, page.sections[0].collapsed) == ("What customers use", True)
    edit = f"/status-pages/{page.id}"
    assert made.headers["Location"] == f"{edit}?note=saved"
    text = (await boss.get(edit)).text
    assert "Public | What customers use | closed" in text
    public = f"/status/shop-{page.id[:8]}"
    for words in (f'<img src="{public}/badge.svg"', f"src=&quot;http://127.0.0.1:8000{public}/badge.svg&quot;"):
        assert words in text
    changed = await send(boss, edit, title="Our shop", do="save", place="")
    assert changed.status_code == 303, changed.text
    after = harness.log.directory.page(page.id)
    assert after is not None
    assert (after.title, after.components) == ("Our shop", ())
    assert "Our shop" in (await boss.get("/status-pages")).text


async def test_what_is_refused_is_said_by_its_field_and_kept(harness: Harness) -> None:
    boss = await owner(harness)
    path = f"/status-pages/new/{harness.project}"
    answer = await send(boss, path, title="Shop", domain="no host!", description="Kept as typed", do="save")
    assert answer.status_code == 400
    assert "Kept as typed" in answer.text
    field = answer.text[answer.text.index('id="domain"') :]
    assert 'aria-invalid="true"' in field[: field.index(">")]
    answer = await send(boss, path, title="Shop", do="save", component="check/x", name="", group="", place="last")
    assert answer.status_code == 400
    assert "the place of row 1 must be a whole number" in answer.text


async def test_a_colour_is_typed_or_picked(harness: Harness) -> None:
    boss = await owner(harness)
    made = await send(boss, f"/status-pages/new/{harness.project}", title="Shop", do="save")
    edit = made.headers["Location"].partition("?")[0]

    async def kept(**fields: str) -> str:
        assert (await send(boss, edit, title="Shop", slug="shop", do="save", **fields)).status_code == 303
        [page] = harness.log.directory.pages_of(harness.project)
        return page.accent

    assert await kept() == ""
    assert await kept(accent="", accent_picked="#00AA00") == "#00aa00"
    assert 'name="accent_picked" type="color" value="#00aa00" data-sets="accent"' in (await boss.get(edit)).text
    assert await kept(accent="#00aa00", accent_picked="#00aa00") == "#00aa00"
    assert await kept(accent="#112233", accent_picked="#00aa00") == "#112233"
    assert await kept(accent="#445566", accent_picked="#778899") == "#445566"
    assert await kept(accent="", accent_picked="#445566") == ""
    assert await kept(accent="", accent_picked=HOSTILE) == ""


async def test_the_second_of_two_editors_is_told(harness: Harness) -> None:
    page = await make(harness, title="Shop")
    boss = await owner(harness)
    path = f"/status-pages/{page['id']}"
    opened = await boss.get(path)
    assert (await send(boss, path, title="First", do="save")).status_code == 303
    to, hidden = form_of(opened.text, path)
    second = await boss.post(to, data=hidden | {"title": "Second", "do": "save"})
    assert second.status_code == 409
    assert "Somebody else has changed this page meanwhile" in second.text
    to, hidden = form_of(second.text, path)
    assert hidden["title"] == "Second"
    assert (await boss.post(to, data=hidden | {"do": "save"})).status_code == 303


async def test_hostile_text_in_every_field_is_only_text(harness: Harness) -> None:
    check = await make_check(harness, HOSTILE)
    boss = await owner(harness)
    path = f"/status-pages/new/{harness.project}"
    fields = dict.fromkeys(("title", "slug", "description", "accent", "logo", "domain", "sections"), HOSTILE)
    row = {"component": f"check/{check}", "name": HOSTILE, "group": HOSTILE, "place": "1"}
    for do in ("save", "preview", "add"):
        answer = await send(boss, path, **fields, **row, do=do, add=HOSTILE)
        assert answer.status_code < 500
        assert "<script>alert" not in answer.text
    fine = {"title": HOSTILE, "description": HOSTILE, "sections": HOSTILE}
    assert (await send(boss, path, **fine, **row, do="save")).status_code == 303
    [page] = harness.log.directory.pages_of(harness.project)
    posts = f"/status-pages/{page.id}/posts"
    said = await send(boss, posts, title=HOSTILE, text=HOSTILE, status="investigating", affected=check)
    assert said.status_code == 303, said.text
    for shown_at in ("/status-pages", f"/status-pages/{page.id}", posts, f"/status-pages/{page.id}/subscribers"):
        text = (await boss.get(shown_at)).text
        assert "<script>alert" not in text, shown_at
        assert "&lt;script&gt;" in text, shown_at


async def test_a_post_is_written_told_further_and_mended(harness: Harness) -> None:
    page = await make(harness, title="Shop")
    boss = await owner(harness)
    posts = f"/status-pages/{page['id']}/posts"
    opened = await boss.get(posts)
    to, hidden = form_of(opened.text, posts)
    said = hidden | {"title": "Payments fail", "text": "We look into it.", "status": "investigating"}
    assert [(await boss.post(to, data=said)).status_code for _ in range(2)] == [303, 303]  # sent twice
    [post] = harness.log.directory.page_news.posts_of(page["id"])
    updates = f"{posts}/{post.id}/updates"
    stale = form_of((await boss.get(posts)).text, updates)
    added = await send(boss, posts, updates, text="All well.", status="resolved")
    assert added.status_code == 303
    again = await boss.post(stale[0], data=stale[1] | {"text": "Mine", "status": "monitoring"})
    assert again.status_code == 409
    assert ">Mine</textarea>" in again.text
    assert (await send(boss, posts, f"{updates}/1", text="We look into payments.")).status_code == 303
    after = harness.log.directory.page_news.post(post.id)
    assert after is not None
    assert [update.text for update in after.updates] == ["We look into payments.", "All well."]
    later(harness)
    assert "We look into payments." in (await shown(harness, page)).text
    assert (await send(boss, posts, text="x", title="", status="well")).status_code == 400
    assert (await send(boss, posts, f"{post.id}/delete")).status_code == 303
    assert harness.log.directory.page_news.posts_of(page["id"]) == []


async def test_viewers_change_nothing_and_see_no_addresses(harness: Harness) -> None:
    page = await make(harness, title="Shop")
    ann, at = "secret@example.org", harness.log.time
    id = subscriber_id(page["id"], ann)
    harness.request(harness.project, PageSubscribe(request=new_id(), at=at, page=page["id"], address=ann))
    harness.log.send(PROJECTS.name, harness.project, encode(PageSubscriptionConfirm(request=new_id(), at=at, id=id)))
    looker = await member(harness, "viewer")
    subscribers = f"/status-pages/{page['id']}/subscribers"
    text = (await looker.get(subscribers)).text
    assert "1 confirmed" in text
    assert ann not in text
    assert (await looker.get(f"/status-pages/{page['id']}")).status_code == 403
    assert "New post" not in (await looker.get(f"/status-pages/{page['id']}/posts")).text
    token = re.search(r'name="form_token" value="([^"]*)"', (await looker.get("/account")).text)
    assert token is not None
    for path in (
        f"/status-pages/{page['id']}",
        f"/status-pages/{page['id']}/delete",
        f"/status-pages/{page['id']}/posts",
        f"{subscribers}/{id}/remove",
    ):
        answer = await looker.post(path, data={"form_token": token[1], "title": "Shop", "do": "save"})
        assert answer.status_code == 403, path
    boss = await owner(harness)
    assert ann in (await boss.get(subscribers)).text
    assert (await send(boss, subscribers, f"{id}/remove")).status_code == 303
    assert harness.log.directory.page_news.subscriber(id) is None


async def test_a_page_is_deleted_by_its_title(harness: Harness) -> None:
    page = await make(harness, title="Shop")
    boss = await owner(harness)
    path = f"/status-pages/{page['id']}"
    wrong = await send(boss, path, f"{path}/delete", title="shop")
    assert wrong.status_code == 400
    assert "nothing was deleted" in wrong.text
    assert (await send(boss, path, f"{path}/delete", title="Shop")).status_code == 303
    assert (await boss.get(path)).status_code == 404
