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
from pingfold.imports.healthchecks_server import HealthchecksServer
from tests.harness import OTHER_KEY, POP_KEY, WRITE_KEY, Harness
from tests.import_sources import GATUS, KUMA_BACKUP, kuma_database

# What a command did: its output, exit status and exception.
Run = Callable[..., Any]

CHECK_UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
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
    return Harness(private_targets="127.0.0.0/8")  # the name server of the sources is on this host


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


def asked(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the Management API of the project answers."""
    return client.ask_api(method, path, {"X-Api-Key": WRITE_KEY}, body)


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
    assert new.stat().st_mode & 0o777 == 0o600  # who has a ping URL can ping
    for again in (file, new):
        second = json.loads(run("crontab", str(again), "--yes", "--json", "--timezone", "UTC").stdout)
        assert [step["sign"] for step in second["steps"]] == ["=", "="]
        assert second["crontab"] == new.read_text()


def test_the_checks_of_a_crontab_are_on_all_channels(run: Run, tmp_path: Path) -> None:
    """As those that a first ping makes, or nobody would hear of them. What somebody changes later stays."""
    made = asked("POST", "/api/v3/channels/", {"kind": "webhook", "name": "Hook", "url": "https://example.com/hook"})
    file = tmp_path / "crontab"
    file.write_text("@daily /bin/job\n")
    assert run("crontab", str(file), "--yes", "--timezone", "UTC").exit_code == 0
    [check] = asked("GET", "/api/v3/checks/")["checks"]
    assert check["channels"] == made["id"]
    asked("POST", f"/api/v3/checks/{check['uuid']}", {"channels": ""})
    assert run("crontab", str(file), "--timezone", "UTC").exit_code == 0


def test_a_uuid_of_another_project_is_refused_in_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    check = {"name": "Backup", "slug": "backup", "timeout": 60, "grace": 60, "uuid": CHECK_UUID, "channels": ""}
    monkeypatch.setattr(HealthchecksServer, "channels", lambda _: {"channels": []})
    monkeypatch.setattr(HealthchecksServer, "checks", lambda _: {"checks": [check]})
    arguments = ("healthchecks", "https://hc.invalid", "key", "--keep-uuids", "--yes")
    assert run(*arguments).exit_code == 0
    monkeypatch.setenv("PINGFOLD_KEY", OTHER_KEY)
    check2 = check | {"uuid": "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea279", "name": "", "slug": ""}
    monkeypatch.setattr(HealthchecksServer, "checks", lambda _: {"checks": [check, check2]})
    why = f"another project of this Pingfold has, or had, the UUID {CHECK_UUID}: import into that one"
    shown = run(*arguments[:-1])
    assert shown.exit_code == 3
    assert f'x check "Backup" (check 1)\n    {why}' in shown.stdout
    assert f"+ check without a name {check2['uuid']} (check 2)" in shown.stdout
    assert "1 new, 1 would be refused" in shown.stdout
    done = run(*arguments)
    assert (done.exit_code, str(done.exception)) == (1, "1 of 2 were refused")
    assert f'check "Backup" was refused: {why}' in done.stderr
    alone = run(*arguments[:-1])  # nothing is left that could be done
    assert (alone.exit_code, str(alone.exception)) == (1, "1 of 1 were refused")


def twice(run: Run, *arguments: str) -> Any:
    """What the first import says as JSON; the second one has nothing to do."""
    shown = run(*arguments)
    assert shown.exit_code == 3, (shown.output, shown.exception)
    first = run(*arguments, "--yes", "--json")
    assert first.exit_code == 0, (first.output, first.exception)
    told = json.loads(first.stdout)
    assert {step["sign"] for step in told["steps"]} == {"+"}
    assert all(step["done"] for step in told["steps"])
    second = run(*arguments, "--json")
    assert second.exit_code == 0, second.output
    assert {step["sign"] for step in json.loads(second.stdout)["steps"]} == {"="}
    assert json.loads(second.stdout)["left"] == told["left"]
    return told


def named(told: Any) -> list[tuple[str, str]]:
    return [(step["kind"], step["name"]) for step in told["steps"]]


def test_an_uptime_kuma_moves(run: Run, tmp_path: Path) -> None:
    told = twice(run, "uptime-kuma", str(kuma_database(tmp_path / "kuma.db")))
    assert named(told) == [
        ("channel", "Ops"),
        ("check", "Cron job"),
        ("monitor", "Shop"),
        ("monitor", "Shop-2"),
        ("monitor", "Database"),
        ("monitor", "Router"),
        ("monitor", "Names"),
        ("window", "Weekly"),
        ("window", "Once"),
        ("page", "Public"),
    ]
    left = {(one["place"], one["what"]): one["why"] for one in told["left"]}
    assert "Pingfold has no such type" in left["monitor 7", '"Container" (docker)']
    assert "upside down" in left["monitor 8", '"Inverse" (http)']
    assert "no such kind" in left["notification 2", '"Lamp" (hue)']


def test_a_backup_of_uptime_kuma_moves(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "backup.json"
    file.write_text(json.dumps(KUMA_BACKUP))
    told = twice(run, "uptime-kuma", str(file))
    assert named(told) == [("channel", "Ops"), ("check", "Cron job"), ("monitor", "Shop")]


def test_a_gatus_moves(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_HOOK", "https://hooks.example.com/services/T0/B0/x")
    file = tmp_path / "config.yaml"
    file.write_text(GATUS)
    told = twice(run, "gatus", str(file))
    assert named(told) == [
        ("channel", "slack"),
        ("check", "jobs / nightly"),
        ("monitor", "core / website"),
        ("monitor", "core / resolver"),
        ("monitor", "database"),
        ("monitor", "mail"),
        ("window", "Gatus maintenance"),
        ("page", "Our status"),
    ]
    why = {one["what"]: one["why"] for one in told["left"]}
    assert "cannot judge by" in why['"api"']
    assert "slow answers" in why['"website" [RESPONSE_TIME] < 300']


def test_what_differs_is_shown_and_put_right(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GATUS.replace("${OPS_HOOK}", "https://hooks.example.com/x"))
    assert run("gatus", str(file), "--yes").exit_code == 0
    file.write_text(file.read_text().replace("interval: 30s", "interval: 45s"))
    shown = run("gatus", str(file))
    assert '~ monitor "core / website" (line 13)' in shown.stdout
    assert "    interval_seconds: 30 -> 45" in shown.stdout
    assert "1 different, 7 there already" in shown.stdout
    assert "done: 1 of 1" in run("gatus", str(file), "--yes").stdout
    assert run("gatus", str(file)).exit_code == 0


def test_a_part_that_is_refused_stops_no_other_and_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "endpoints:\n- {name: inside, url: 'http://10.0.0.1/', conditions: ['[STATUS] == 200']}\n"
        "- {name: outside, url: 'https://example.com/', conditions: ['[STATUS] == 200']}\n"
    )
    done = run("gatus", str(file), "--yes")
    assert done.exit_code == 1
    assert 'monitor "inside" was refused: 400' in done.stderr
    assert "done: 2 of 3" in done.stdout
    assert str(done.exception) == "1 of 3 were refused; a second import does the rest"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("crontab", "/nowhere/crontab"), "cannot be read: No such file"),
        (("crontab", "/"), "/ is no file"),
        (("uptime-kuma", __file__), "neither a JSON backup nor an SQLite database"),
        (("gatus", __file__), "line "),
        (("healthchecks", "http://127.0.0.1:1"), "no API key: set HEALTHCHECKS_API_KEY"),
        (("healthchecks", "http://127.0.0.1:1", "a key"), "the API key has characters"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments, "--yes")
    assert done.exit_code == 1
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)


def test_one_key_of_each_kind_is_asked_for(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGFOLD_KEY", WRITE_KEY)
    file = tmp_path / "config.yaml"
    file.write_text(GATUS.replace("${OPS_HOOK}", "https://hooks.example.com/x"))
    assert "PINGFOLD_KEY holds no key of the kind poppaping" in str(run("gatus", str(file)).exception)


def test_a_channel_that_nobody_has_made_yet_is_no_difference(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Healthchecks does not tell where its channels send to, so at first there are none."""
    told = {
        "channels": [{"id": "c1", "name": "Chat", "kind": "slack"}, {"id": "c2", "name": "Hook", "kind": "webhook"}]
    }
    check = {"name": "Backup", "slug": "backup", "timeout": 60, "grace": 60, "uuid": CHECK_UUID, "channels": "c1,c2"}
    monkeypatch.setattr(HealthchecksServer, "channels", lambda _: told)
    monkeypatch.setattr(HealthchecksServer, "checks", lambda _: {"checks": [check]})
    arguments = ("healthchecks", "https://hc.invalid", "key", "--keep-uuids")
    twice(run, *arguments)
    [chat, hook] = told["channels"]
    hook["url"] = "https://example.com/hook"
    shown = run(*arguments)
    assert '~ check "Backup" (check 1)\n    channels: [] -> ["Hook"]' in shown.stdout
    assert run(*arguments, "--yes").exit_code == 0
    chat |= {"kind": "webhook", "url": "https://example.com/chat"}
    assert '    channels: ["Hook"] -> ["Hook", "Chat"]' in run(*arguments).stdout
    assert run(*arguments, "--yes").exit_code == 0
    last = run(*arguments)
    assert (last.exit_code, last.stdout.splitlines()[-1]) == (0, "3 there already")
