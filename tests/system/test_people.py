"""People on the real Kafka: invited and joined by forms, known to every process, also after a kill of a web process."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.web_browser import form_of

pytestmark = pytest.mark.system

MAIL, PASSWORD = "ann@example.org", "correct horse"


def send(browser: httpx.Client, path: str, fields: dict[str, str], action: str = "") -> httpx.Response:
    """Open a page, fill in its form, and send it."""
    page = browser.get(path)
    assert page.status_code == 200, (page.status_code, page.text)
    to, hidden = form_of(page.text, action)
    return browser.post(to, data=hidden | fields, headers={"Sec-Fetch-Site": "same-origin"})


def browser_of(pingfold: Pingfold) -> httpx.Client:
    return httpx.Client(base_url=str(pingfold.get("/healthz").url.copy_with(path="/")), timeout=30.0)


def test_who_is_invited_joins_signs_in_and_is_named_by_the_audit_trail(pingfold: Pingfold) -> None:
    check = pingfold.create("watched-by-people")
    project = pingfold.credentials.project
    with browser_of(pingfold) as owner, browser_of(pingfold) as ann:
        signed = send(owner, "/sign-in", {"name": "admin", "password": pingfold.credentials.admin_password})
        assert (signed.status_code, signed.headers["Location"]) == (303, "/")
        invited = send(owner, f"/people/{project}", {"mail": MAIL, "role": "owner"}, "/invite")
        assert invited.status_code == 303, invited.text
        link = re.search(r'value="[^"]*(/invitations/[^"]*)"', owner.get(invited.headers["Location"]).text)
        assert link is not None
        joined = send(ann, link[1], {"name": "Ann", "password": PASSWORD, "repeated": PASSWORD})
        assert (joined.status_code, joined.headers["Location"]) == (303, "/"), joined.text
        assert ann.get(f"/checks/{check}").status_code == 200
        send(ann, f"/people/{project}", {"mail": "bob@example.org", "role": "viewer"}, "/invite")

        pingfold.kill_and_wait("web")
        wait_until(lambda: pingfold.answers("/healthz"), 90.0, "the web process is back")
        assert ann.get(f"/checks/{check}").status_code == 200

        reset = pingfold.command("people", "reset-password", MAIL)
        assert reset.returncode == 0, reset.stderr
        wait_until(lambda: ann.get("/account").status_code == 303, 30.0, "all sessions of the person have ended")
        answer = send(ann, "/sign-in", {"name": MAIL, "password": reset.stdout.split()[-1]})
        assert answer.status_code == 303, answer.text

    listed = pingfold.command("people", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    [person] = [one for one in json.loads(listed.stdout) if one["mail"] == MAIL]
    assert (person["name"], [one["role"] for one in person["projects"]]) == ("Ann", ["owner"])

    def by_person() -> list[dict[str, Any]]:
        page: dict[str, Any] = pingfold.ask("GET", "/audit/?actor=person")
        return page["entries"] if page["complete"] else []

    [entry] = wait_until(by_person, 90.0, "history holds what the person has changed")
    assert (entry["kind"], entry["name"], entry["action"]) == ("member", "bob@example.org", "created")
    assert (entry["actor"]["user"], entry["actor"]["key"]) == (MAIL, person["id"])
    assert PASSWORD not in json.dumps(entry)
