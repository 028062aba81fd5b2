"""Files applied to a Pingfold that runs: a plan, doing it, doing it again, an export, a prune."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pingfold import cli
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
  shop: {title: Shop, components: [{monitor: Shop}, {check: backup}], accent: "#1f6f54", domain: status.shop.invalid}
escalations:
  Night: {steps: [{after_minutes: 5, channels: [Chat]}], monitors: [Shop], checks: [backup], repeat: null}
maintenance:
  Sunday: {schedule: "0 3 * * 0", duration_minutes: 60, tags: [db], monitors: [Shop]}
"""


def test_apply_export_apply(pingfold: Pingfold, tmp_path: Path) -> None:
    """The commands run in this process: each start of Python would take longer than what they do."""
    project = pingfold.made("project", "create", "Declared")
    key = pingfold.made("key", "create", "poppaping", "--project", project["id"])["key"]
    keys = {
        "PINGFOLD_URL": pingfold.url,
        "PINGFOLD_KEY": f"{project['healthchecks_key']},{key}",
        "SLACK_URL": SLACK,
        "CHANNEL_CHAT_URL": SLACK,
        "MONITOR_SHOP_HEADERS_X_KEY": SLACK,
    }
    file, exported = tmp_path / "shop.yml", tmp_path / "exported.yml"
    file.write_text(FILE)

    def run(*arguments: str, status: int = 0) -> Result:
        done = CliRunner().invoke(cli.app, arguments, env=keys)
        assert done.exit_code == status, (done.output, done.exception)
        return done

    shown = run("apply", "-f", str(file), status=3)
    assert "7 to make" in shown.stdout
    assert "nothing was done" in shown.stderr
    done = run("apply", "-f", str(file), "--yes")
    assert done.stdout.count("done: +") == 7
    assert SLACK not in done.stdout

    run("export", "--output", str(exported))
    assert SLACK not in exported.read_text()
    assert "Nothing to do" in run("apply", "-f", str(exported), "--yes").stdout

    file.write_text("managed_by: shop")
    assert run("apply", "-f", str(file), "--yes", "--prune").stdout.count("done: -") == 7
