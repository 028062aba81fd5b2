"""The whole of Pingfold in a real browser: an outage is seen without a reload, and people find their way in."""

import re
import time
from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from infra.embedded.ports import HOST, free_port
from tests.chromium import DESKTOP, NEEDS_CHROMIUM, PHONE, chromium, violations, visit
from tests.equipped_pingfold import Equipped
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.probe_targets import answering, serving

pytestmark = [pytest.mark.system, NEEDS_CHROMIUM]

_TRIES = 20
_HOSTILE = "<img src=x onerror=\"document.title='run'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def _password(pingfold: Pingfold) -> str:
    return str(pingfold.credentials.admin_password)


def _is_within(page: Page) -> bool:
    """Whether nothing makes the page wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_outage_is_seen_without_a_reload(equipped: Equipped, browser: Browser, size: dict[str, int]) -> None:
    pingfold = equipped.pingfold
    check = pingfold.create(f"backup-{size['width']}", timeout=86_400)
    pingfold.good_ping(check)
    with visit(browser, _password(pingfold), size, timezone_id="Asia/Kolkata") as page:
        page.goto(pingfold.url)
        thing = page.locator("li.thing", has_text=f"backup-{size['width']}")
        expect(thing.locator(".status")).to_have_text("up")
        expect(page.locator("#live-state")).to_have_text("Live")
        expect(page.locator("#live .age")).to_contain_text("IST")
        page.evaluate("window.stays = true")
        thing.locator("a.of").focus()
        pingfold.good_ping(check, "3")
        expect(thing.locator(".status")).to_have_text("down")
        expect(thing.locator(".why")).to_contain_text("Exit status 3, since")
        expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
        expect(page.locator("#summary")).to_contain_text("down")
        assert page.evaluate("window.stays") is True
        assert page.evaluate("document.activeElement.id") == f"thing-{check}"
        assert _is_within(page)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.goto(f"{pingfold.url}/checks/{check}")
        assert _is_within(page)
        _goto_whole(page, f"{pingfold.url}/past?q={check}")
        expect(thing.locator(".status")).to_have_text("down")
        page.evaluate("window.stays = true")
        page.locator("#moment").focus()
        page.keyboard.press("Home")
        expect(thing.locator(".status")).to_have_text("not there yet")
        expect(page).to_have_url(re.compile(r"/past\?q=[0-9a-f-]+&at=20"))
        assert page.evaluate("window.stays") is True
        assert page.evaluate("document.activeElement.id") == "moment"
        assert _is_within(page)


def _goto_whole(page: Page, url: str) -> None:
    """Open a page on which nothing is missing: history may be written a moment later."""
    for _ in range(_TRIES):
        page.goto(url)
        assert "/sign-in" not in page.url
        if page.locator(".missing").count() == 0:
            return
    raise AssertionError(f"{url} says: {page.locator('.missing').first.text_content()}")


def test_the_first_five_minutes(equipped: Equipped, browser: Browser) -> None:
    """Signing in, making a check, and seeing its first ping arrive, on a phone and without a word of command line."""
    pingfold = equipped.pingfold
    context = browser.new_context(viewport=PHONE, timezone_id="Europe/Berlin")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(pingfold.url)
    page.get_by_label("Mail address").fill("admin")
    page.get_by_label("Password").fill(_password(pingfold))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="New check").click()
    expect(page.locator(".preview")).to_contain_text("If a ping came now")
    page.get_by_label("at times of a calendar").check()
    expect(page.get_by_label("Period", exact=True)).to_be_hidden()
    page.get_by_label("Schedule", exact=True).fill("30 4 * * *")
    expect(page.locator(".preview li")).to_have_count(5)
    expect(page.locator(".preview li").first).to_contain_text("04:30:00 CE")
    page.get_by_label("Name", exact=True).fill("x" * 3 + _HOSTILE)
    page.get_by_label("Grace", exact=True).fill("soon")
    assert _is_within(page)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Grace", exact=True)).to_have_attribute("aria-invalid", "true")
    assert violations(page) == []
    page.get_by_label("Grace", exact=True).fill("10 minutes")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#live .status").first).to_have_text("new")
    expect(page.locator("#live-state")).to_have_text("Live")
    pingfold.good_ping(page.url.rpartition("/")[2].partition("?")[0])
    expect(page.locator("#live .status").first).to_have_text("up")
    page.get_by_label("To see what a ping does").select_option("fail")
    page.get_by_role("button", name="Ping now").click()
    expect(page.locator("#live .status").first).to_have_text("down")
    # A row of a table stands as a list, each cell behind the head of its column.
    _goto_whole(page, page.url.partition("?")[0])
    expect(page.locator("td[data-label=Signal]").first).to_have_text("fail")
    assert _is_within(page)
    assert violations(page) == []
    assert page.title() != "run"
    context.close()


def test_a_probe_is_tried_and_a_template_previewed_before_they_are_saved(equipped: Equipped, browser: Browser) -> None:
    """What comes of it stands beside the form, which stays as typed; nothing is loaded anew, and nothing is saved."""
    shop = equipped.servers.enter(serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
    site = f"http://{HOST}:{shop.port}/"
    pingfold, project = equipped.pingfold, equipped.pingfold.credentials.project
    with visit(browser, _password(pingfold), PHONE) as page:
        _goto_whole(page, f"{pingfold.url}/monitors/new?type=http&project={project}")
        tried = page.locator("#tried")
        page.get_by_label("URL").fill("ftp://nowhere.invalid/")
        page.get_by_role("button", name="Try it").click()
        expect(tried).to_contain_text("URL")
        page.get_by_label("URL").fill(f"http://{HOST}:{free_port()}/<i>")
        page.get_by_role("button", name="Try it").click()
        expect(tried).to_contain_text("connect: connection refused")
        page.get_by_label("URL").fill(site)
        page.get_by_role("button", name="Try it").click()
        expect(tried.locator(".status.up")).to_have_text("Up")
        expect(page.get_by_label("URL")).to_have_value(site)
        assert page.url.endswith(f"/monitors/new?type=http&project={project}")
        assert violations(page) == []
        assert _is_within(page)
        _goto_whole(page, f"{pingfold.url}/templates/new?project={project}")
        page.get_by_label("Text", exact=True).fill("{{ why }}\n{{ nonsense }}")
        page.get_by_role("button", name="Show preview").click()
        expect(page.locator("#shown")).to_contain_text("Line 2")
        page.get_by_label("Text", exact=True).fill(f"{{{{ why }}}} {_HOSTILE}")
        page.get_by_role("button", name="Show preview").click()
        expect(page.locator("#shown pre").first).to_contain_text(f"Exit status 23 {_HOSTILE}")
        assert violations(page) == []
        assert page.title() != "run"


def test_who_is_invited_by_mail_joins_and_signs_in_with_a_code(equipped: Equipped, browser: Browser) -> None:
    pingfold, project = equipped.pingfold, equipped.pingfold.credentials.project
    with visit(browser, _password(pingfold)) as page:
        page.goto(f"{pingfold.url}/people/{project}")
        page.get_by_label("Mail address").fill("ann@example.org")
        page.get_by_label("Language of the mail").select_option("fr")
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_text("by a mail of")).to_be_visible()
        assert violations(page) == []
    link = wait_until(lambda: _invitation(equipped), 60.0, "the mail with the invitation comes")
    with visit(browser, None, PHONE) as page:
        page.goto(link)
        assert violations(page) == []
        page.get_by_label("Your name").fill("Ann")
        page.get_by_label("at least 10 characters").fill("aaaaaaaaaaaa")
        page.get_by_label("Repeat the password").fill("aaaaaaaaaaaa")
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
        assert page.evaluate("document.activeElement.id") == "password"
        assert violations(page) == []
        page.get_by_label("at least 10 characters").fill("correct horse")
        page.get_by_label("Repeat the password").fill("correct horse")
        page.get_by_role("button", name="Join").click()
        page.goto(f"{pingfold.url}/account/codes")
        assert violations(page) == []
        codes = pyotp.TOTP((page.locator("code").first.text_content() or "").replace(" ", ""))
        page.get_by_label("The code that it shows").fill(codes.at(int(time.time()) - 30))
        page.get_by_label("Your password").fill("correct horse")
        page.get_by_role("button", name="Turn codes on").click()
        expect(page.get_by_role("heading", name="Keep these codes")).to_be_visible()
        for path in ("/account", "/sign-out"):
            page.goto(f"{pingfold.url}{path}")
            assert violations(page) == [], path
            assert _is_within(page)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Mail address").fill("ann@example.org")
        page.get_by_label("Password").fill("wrong horse")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong")
        assert page.evaluate("document.activeElement.id") == "password"
        assert violations(page) == []
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        assert violations(page) == []
        page.get_by_label("Code of your application").fill(codes.now())
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{pingfold.url}/account")
        expect(page.get_by_text("A code is asked for after your password")).to_be_visible()


def _invitation(equipped: Equipped) -> str:
    """The link in the mail that invites; empty: it has not come."""
    for mail in list(equipped.mails.taken):
        body = mail.get_body(("plain",))
        found = re.search(r"https?://\S*(/invitations/\S+)", body.get_content() if body is not None else "")
        if found is not None:
            return f"{equipped.pingfold.url}{found[1]}"
    return ""
