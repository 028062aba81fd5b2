"""Files applied to a Pingfold that runs: a plan, doing it, doing it again, an export, a prune."""

from pathlib import Path

import pytest

from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24
FILE = """
managed_by: shop
channels:
  Chat: {type: slack, url: "${SLACK_URL}"}
checks:
  backup: {schedule: "0 2 * * *", tz: Europe/Riga, tags: [db]}
monitors:
  Database: {type: tcp, host: db.invalid, port: 5432, paused: true}
  Shop: {url: "https://shop.invalid/", depends_on: [Database], headers: {X-Key: "${SLACK_URL}"}, paused: true}
status_pages:
  shop: {title: Shop, components: [{monitor: Shop}, {check: backup}]}
maintenance:
  Sunday: {schedule: "0 3 * * 0", duration_minutes: 60, tags: [db], monitors: [Shop]}
"""


def test_apply_export_apply(pingfold: Pingfold, tmp_path: Path) -> None:
    project = pingfold.made("project", "create", "Declared")
    key = pingfold.made("key", "create", "poppaping", "--project", project["id"])["key"]
    keys = {"PINGFOLD_KEY": f"{project['healthchecks_key']},{key}", "SLACK_URL": SLACK}
    file, exported = tmp_path / "shop.yml", tmp_path / "exported.yml"
    file.write_text(FILE)

    shown = pingfold.command("apply", "-f", str(file), environment=keys)
    assert (shown.returncode, "6 to make" in shown.stdout) == (3, True), shown.stdout + shown.stderr
    assert "nothing was done" in shown.stderr
    done = pingfold.command("apply", "-f", str(file), "--yes", environment=keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("done: +") == 6
    assert SLACK not in done.stdout

    told = pingfold.command("export", "--output", str(exported), environment=keys)
    assert told.returncode == 0, told.stderr
    assert SLACK not in exported.read_text()
    filled = keys | {"CHANNEL_CHAT_URL": SLACK, "MONITOR_SHOP_HEADERS_X_KEY": SLACK}
    again = pingfold.command("apply", "-f", str(exported), "--yes", environment=filled)
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr

    file.write_text("managed_by: shop")
    gone = pingfold.command("apply", "-f", str(file), "--yes", "--prune", environment=keys)
    assert (gone.returncode, gone.stdout.count("done: -")) == (0, 6), gone.stdout + gone.stderr
