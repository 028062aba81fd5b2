"""`pingfold import` on a Pingfold that runs: what is carried over works, and a second import changes nothing."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.import_sources import GATUS, kuma_database
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def imported(pingfold: Pingfold, *arguments: str) -> Any:
    """What an import says as JSON; it ended well."""
    done = pingfold.command("import", *arguments, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def signs(told: Any) -> str:
    return "".join(step["sign"] for step in told["steps"])


def test_a_line_of_the_new_crontab_pings_its_check(pingfold: Pingfold, tmp_path: Path) -> None:
    old, new = tmp_path / "crontab", tmp_path / "new"
    old.write_text("# Import of the crontab\n30 2 * * * echo moved; exit 3\n@reboot start\n")
    arguments = (str(old), "--out", str(new), "--timezone", "Europe/Riga", "--prefix", tmp_path.name)
    told = imported(pingfold, "crontab", *arguments)
    assert signs(told) == "+"
    assert [left["what"] for left in told["left"]] == ["@reboot"]
    command = new.read_text().splitlines()[1].removeprefix("30 2 * * * ")
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (3, "moved\n")
    [step] = told["steps"]
    check = pingfold.api("GET", f"/checks/{step['id']}").json()
    assert (check["n_pings"], check["tz"]) == (1, "Europe/Riga")
    for again in (old, new):
        assert signs(imported(pingfold, "crontab", str(again), *arguments[3:])) == "="


def test_a_project_moves_by_its_management_api_and_nobody_gets_the_uuids_of_another(
    pingfold: Pingfold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a project of this Pingfold into another one of it: without the UUIDs, by which things are told apart."""
    old, new = (pingfold.made("project", "create", name) for name in ("old", "new"))
    paths = {"/checks/": {"name": "Moving", "slug": "moving", "tags": "a b", "schedule": "0 3 * * *", "tz": "UTC"}}
    uuid = pingfold.api("POST", "/checks/", paths["/checks/"], key=old["healthchecks_key"]).json()["uuid"]
    hook = {"kind": "webhook", "url": "https://hook.invalid/", "name": "Hook", "on_every_check": True}
    assert pingfold.api("POST", "/channels/", hook, key=old["healthchecks_key"]).status_code == 201
    monkeypatch.setitem(pingfold.settings, "HEALTHCHECKS_API_KEY", old["healthchecks_key"])
    monkeypatch.setitem(pingfold.settings, "PINGFOLD_KEY", new["healthchecks_key"])
    refused = pingfold.command("import", "healthchecks", pingfold.url, "--keep-uuids", "--yes")
    assert refused.returncode == 1
    assert 'check "Moving" was refused: another project of this Pingfold has, or had, the UUID' in refused.stderr
    copied = imported(pingfold, "healthchecks", pingfold.url)
    assert signs(copied) == "=+"
    pingfold.api("DELETE", f"/checks/{copied['steps'][1]['id']}", key=new["healthchecks_key"])
    assert pingfold.get(f"/ping/{uuid}").text == "OK"
    pingfold.verify()


def test_uptime_kuma_and_gatus_move_and_the_second_time_nothing_is_done(
    pingfold: Pingfold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Into a project of their own, where nothing is probed: all is paused."""
    project = pingfold.made("project", "create", "monitors of others")
    other = pingfold.made("key", "create", "poppaping", "--project", project["id"])
    monkeypatch.setitem(pingfold.settings, "PINGFOLD_KEY", f"{project['healthchecks_key']},{other['key']}")
    monkeypatch.setitem(pingfold.settings, "OPS_HOOK", "https://hooks.slack.invalid/x")
    kuma, gatus = kuma_database(tmp_path / "kuma.db"), tmp_path / "config.yaml"
    connection = sqlite3.connect(kuma)
    connection.execute("UPDATE monitor SET active = 0")
    connection.commit()
    connection.close()
    paused = GATUS.replace("    url:", "    enabled: false\n    url:").replace(
        "    enabled: false\n  - name", "  - name"
    )
    gatus.write_text(
        paused.replace("    enabled: false\nexternal", "external").replace("example.com", "example.invalid")
    )
    for arguments, count in ((("uptime-kuma", str(kuma)), 10), (("gatus", str(gatus)), 8)):
        assert signs(imported(pingfold, *arguments)) == "+" * count
        assert signs(imported(pingfold, *arguments)) == "=" * count
