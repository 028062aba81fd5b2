"""People on the real Kafka: invited by a command, joined by a form, signed out, told of by history, and removed."""

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.equipped_pingfold import Equipped
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.web_browser import form_of

pytestmark = pytest.mark.system

MAIL, PASSWORD = "eve@example.org", "correct horse"


def send(browser: httpx.Client, path: str, fields: dict[str, str], action: str = "") -> httpx.Response:
    """Open a page, fill in its form, and send it."""
    page = browser.get(path)
    assert page.status_code == 200, (page.status_code, page.text)
    to, hidden = form_of(page.text, action)
    return browser.post(to, data=hidden | fields, headers={"Sec-Fetch-Site": "same-origin"})


def browser_of(server: Pingfold) -> httpx.Client:
    return httpx.Client(base_url=str(server.get("/healthz").url.copy_with(path="/")), timeout=30.0)


def test_who_is_invited_joins_signs_in_and_is_named_by_the_audit_trail(equipped: Equipped) -> None:
    # Nobody moves its clock by days: a command gives invitations an end by the clock of its host.
    pingfold = equipped.pingfold
    check = pingfold.create("watched-by-people")
    project = pingfold.credentials.project
    told = pingfold.command("people", "invite", MAIL, "--role", "owner", "--project", project, "--no-mail", "--json")
    assert told.returncode == 0, told.stderr
    with browser_of(pingfold) as ann, browser_of(pingfold) as copied:
        path = urlsplit(json.loads(told.stdout)["link"]).path
        joined = send(ann, path, {"name": "Ann", "password": PASSWORD, "repeated": PASSWORD})
        assert (joined.status_code, joined.headers["Location"]) == (303, "/"), joined.text
        assert ann.get(f"/checks/{check}").status_code == 200
        invited = send(ann, f"/people/{project}", {"mail": "bob@example.org", "role": "viewer"}, "/invite")
        assert invited.status_code == 303, invited.text
        copied.cookies.update(ann.cookies)
        assert copied.get("/account").status_code == 200
        send(ann, "/sign-out", {})
        wait_until(lambda: copied.get("/account").status_code == 303, 30.0, "the session has ended for its copy, too")
        answer = send(ann, "/sign-in", {"name": MAIL, "password": PASSWORD})
        assert answer.status_code == 303, answer.text

        def by_person() -> list[dict[str, Any]]:
            page: dict[str, Any] = pingfold.ask("GET", "/audit/?actor=person&kind=member")
            mine = [entry for entry in page["entries"] if entry["actor"]["user"] == MAIL]
            return mine if page["complete"] else []

        [entry] = wait_until(by_person, 90.0, "history holds what the person has changed")
        assert (entry["name"], entry["action"], entry["actor"]["user"]) == ("bob@example.org", "created", MAIL)
        assert PASSWORD not in json.dumps(entry)
        removed = pingfold.command("people", "remove", MAIL)
        assert removed.returncode == 0, removed.stderr
        wait_until(lambda: ann.get("/account").status_code == 303, 30.0, "all sessions of the person have ended")
