"""`pingfold import` against the API in memory: what it shows, what it makes, and that a second one changes nothing."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.settings.settings import Settings
from pingfold import cli
from pingfold.commands import client
from tests.harness import POP_KEY, WRITE_KEY, Harness

# What a command did: its output, exit status and exception.
Run = Callable[..., Any]

CRONTAB = """\
CRON_TZ=Europe/Riga
# Nightly backup
30 2 * * * /usr/local/bin/backup.sh --password=hush

@daily /usr/bin/certbot renew
@reboot /usr/bin/start
61 * * * * /bin/never
"""


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def run(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command line against the API in memory."""
    with asyncio.Runner() as runner:

        def request(_: Settings, method: str, path: str, **what: Any) -> Any:
            async def ask() -> Any:
                return await harness.client.request(method, path, **what)

            return runner.run(ask())

        monkeypatch.setattr(client, "request", request)
        monkeypatch.setenv("PINGFOLD_KEY", f"{WRITE_KEY},{POP_KEY}")
        monkeypatch.setenv("PINGFOLD_URL", "http://pingfold.invalid")
        yield lambda *arguments, **more: CliRunner().invoke(cli.app, ["import", *arguments], **more)


def test_a_crontab_is_shown_then_carried_over_and_the_second_time_nothing_is_done(run: Run, tmp_path: Path) -> None:
    file, new = tmp_path / "crontab", tmp_path / "new"
    file.write_text(CRONTAB)
    shown = run("crontab", str(file))
    assert shown.exit_code == 3
    assert '+ check "Nightly backup" (line 3)' in shown.stdout
    assert "! line 6: @reboot: a start of the machine is no time" in shown.stdout
    assert "! line 7: 61 * * * * /bin/never: minute 61: must be from 0 to 59" in shown.stdout
    assert "- 30 2 * * * /usr/local/bin/backup.sh --password=hush" in shown.stdout
    done = run("crontab", str(file), "--yes", "--out", str(new), "--timezone", "UTC")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "done: 2 of 2" in done.stdout
    assert new.read_text().count("/ping/") == 2
    for again in (file, new):
        second = json.loads(run("crontab", str(again), "--yes", "--json", "--timezone", "UTC").stdout)
        assert [step["sign"] for step in second["steps"]] == ["=", "="]
        assert second["crontab"] == new.read_text()
