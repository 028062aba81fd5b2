"""Who changed what, from the request to the answer of REST and of the command line."""

import json
import os
import pwd
from typing import Any

import pytest

from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def trail(pingfold: Pingfold, query: str) -> list[dict[str, Any]]:
    """What REST says when it says that all decided before is there, which a busy machine may delay."""

    def complete() -> dict[str, Any]:
        page: dict[str, Any] = pingfold.ask("GET", f"/audit/?{query}")
        return page if page["complete"] else {}

    entries: list[dict[str, Any]] = wait_until(complete, 90.0, "history holds all that was decided")["entries"]
    return entries


def test_who_changed_what_is_read_at_once_by_rest_and_by_command(pingfold: Pingfold) -> None:
    """Each change is there when its answer is; nothing of a key is; the command line says the same as REST."""
    check = pingfold.create("audited", grace=60)
    assert [entry["action"] for entry in trail(pingfold, f"thing={check}")] == ["created"]
    pingfold.ask("POST", f"/checks/{check}", {"grace": 120})
    pingfold.ask("POST", f"/checks/{check}/pause")
    assert pingfold.api("POST", f"/checks/{check}", {"grace": 1}).status_code == 400
    paused, updated, created = entries = trail(pingfold, f"thing={check}&limit=10")
    assert [entry["action"] for entry in entries] == ["paused", "updated", "created"]
    assert updated["changes"] == [{"field": "grace", "old": 60, "new": 120, "hidden": False}]
    assert paused["actor"] == updated["actor"] == created["actor"]
    assert created["actor"]["kind"] == "api_key"
    assert created["actor"]["address"] == "127.0.0.1"

    pingfold.ping("audited-by-ping", params={"create": "1"})
    by_ping = trail(pingfold, "actor=ping_key")[0]
    assert (by_ping["name"], by_ping["actor"]["address"]) == ("audited-by-ping", "127.0.0.1")

    made = pingfold.command("key", "create", "poppaping", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    (by_command,) = trail(pingfold, f"thing={key['id']}")
    assert (by_command["kind"], by_command["actor"]["kind"]) == ("key", "cli")
    assert by_command["actor"]["user"] == pwd.getpwuid(os.geteuid()).pw_name

    def whole() -> str:
        """What the command lists, once history is not behind any more."""
        done = pingfold.command("audit", "--thing", check, "--since", "7d", "--json")
        assert done.returncode == 0, done.stderr
        return "" if "history is being written" in done.stderr else done.stdout

    assert json.loads(wait_until(whole, 90.0, "history holds all that was decided")) == entries
    table = pingfold.command("audit", "--limit", "1000")
    assert table.returncode == 0, table.stderr
    assert "audited-by-ping" in table.stdout
    known = pingfold.credentials
    for secret in (key["key"], known.healthchecks_key, known.ping_key, known.webhook_secret):
        assert secret not in table.stdout
