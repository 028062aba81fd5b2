"""Files of other monitors: hostile ones, odd ones, and what is read of them whatever they hold."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingfold.imports import uptime_kuma_files
from pingfold.imports.gatus import read_gatus
from pingfold.imports.gatus_conditions import judged_by
from pingfold.imports.things import Found, NotCarried, NotReadable, WantedCheck, WantedMonitor
from pingfold.imports.uptime_kuma import Backup, Carried, read_monitors
from pingfold.imports.uptime_kuma_files import read_backup, read_backup_file, read_database
from pingfold.imports.uptime_kuma_places import read_places
from pingfold.imports.yaml_texts import read_texts
from tests.import_sources import GATUS, KUMA_BACKUP, kuma_database

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 200,000 values, aliases followed"),
        ("a: &a\n  b: *a\n", "nested more than 24 deep"),
        ("a: 1\nb: 2\na: 3\n", "line 3: a stands twice"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 24 deep"),
        ("a: " + "[" * 50_000, "nested more than 24 deep"),
        ("a: !!python/object:os.system {}\n", "line 1: the tag"),
        ("a: 1\n---\nb: 2\n", "not one mapping"),
        ("- a\n", "not one mapping"),
        ("", "not one mapping"),
        ("? [a]\n: b\n", "line 1: a key is a text"),
        ("a: b: c\n", "line 1: this is no YAML"),
        ("a: 1\n<<: text\n", "line 2: << merges a mapping"),
    ],
)
def test_yaml_that_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotReadable, match=words):
        read_texts(text.encode())


def test_yaml_is_read_as_it_was_written() -> None:
    section = read_texts(b"base: &b {x: 1, y: no}\nat:\n  <<: *b\n  y: 23:00\n  z: [on, 1.10, 007]\n")
    assert section["at"] == {"x": "1", "y": "23:00", "z": ["on", "1.10", "007"]}
    assert section["at"].line == 3
    for content, words in ((b"a: \xff", "line 1: the file is not UTF-8"), (b" " * 9_000_000, "longer than 8 MB")):
        with pytest.raises(NotReadable, match=words):
            read_texts(content)


@pytest.mark.parametrize(
    ("conditions", "kind", "fields"),
    [
        (["[STATUS] == 200"], "http", {"expected_statuses": [200]}),
        (["[STATUS] < 300"], "http", {"expected_statuses": [*range(200, 300)]}),
        (["[STATUS] < 400"], "http", {"expected_statuses": []}),
        (
            ["[STATUS] >= 200", "[STATUS] <= 204", "[STATUS] != 203"],
            "http",
            {"expected_statuses": [200, 201, 202, 204]},
        ),
        (["[BODY] != pat(*sold out*)"], "http", {"keyword": "sold out", "keyword_absent": True}),
        (["[CONNECTED] == true"], "tcp", {}),
        (["[DNS_RCODE] == NOERROR", "[BODY] == 192.0.2.1"], "dns", {"dns_expected": "192.0.2.1"}),
    ],
)
def test_conditions_of_gatus(conditions: list[str], kind: str, fields: dict[str, Any]) -> None:
    assert judged_by(conditions, kind) == (fields, [])


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ("[STATUS] > 200", "http"),
        ("[STATUS] == ok", "http"),
        ("[STATUS] == 200", "tcp"),
        ("[STATUS] < 100", "http"),
        ("[BODY].status == UP", "http"),
        ("len([BODY].data) < 5", "http"),
        ("[IP] == 192.0.2.1", "http"),
        ("[CONNECTED] == false", "tcp"),
        ("nonsense", "http"),
    ],
)
def test_conditions_that_no_monitor_judges_by(condition: str, kind: str) -> None:
    with pytest.raises(NotCarried):
        judged_by([condition], kind)


def test_a_variable_that_is_not_set_is_named() -> None:
    found = read_gatus(GATUS.encode(), {})
    assert "set the environment variable OPS_HOOK" in {one.place: one.why for one in found.left}["alerting.slack"]
    assert all(monitor.channels == () for monitor in found.monitors)


def test_databases_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kuma_database(tmp_path / "kuma.db")
    whole = file.read_bytes()
    broken = tmp_path / "broken.db"
    for content in (whole[:100], whole[:5_000], whole[:4_096] + b"\xff" * (len(whole) - 4_096)):
        broken.write_bytes(content)
        with pytest.raises(NotReadable, match=r"cannot be read as a database|no table|no column"):
            read_backup_file(str(broken))
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute(
        "CREATE VIEW monitor AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
    )
    connection.commit()
    connection.close()
    with pytest.raises(NotReadable, match="no table `monitor`"):
        read_database(other)
    (tmp_path / "kuma.db-wal").write_bytes(b"changes")
    with pytest.raises(NotReadable, match="stop Uptime Kuma first"):
        read_database(file)
    (tmp_path / "kuma.db-wal").unlink()
    before = {path.name for path in tmp_path.iterdir()}
    read_database(file)
    assert ({path.name for path in tmp_path.iterdir()}, file.read_bytes()) == (before, whole)
    monkeypatch.setattr(uptime_kuma_files, "MOST_ROWS", 3)
    with pytest.raises(NotReadable, match="more than 3 rows"):
        read_database(file)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "no monitorList"),
        ({"monitorList": []}, "not of an unknown version"),
        ({"version": "2.0.0", "monitorList": []}, "not of 2.0.0; of 2.x give its kuma.db"),
        ({"version": "1.0", "monitorList": [1]}, "monitorList is no list of objects"),
        ({"version": "1.0", "monitorList": [{"id": []}]}, "an id in monitorList"),
    ],
)
def test_backups_that_are_none(told: Any, words: str) -> None:
    with pytest.raises(NotReadable, match=words):
        read_backup(json.dumps(told).encode())
    with pytest.raises(NotReadable, match="neither a JSON backup"):
        read_backup(b"[" * 200_000)


_cells = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**12), st.floats(), st.text(max_size=12),
    st.sampled_from(['["200-299"]', "[1,2]", '["lastDay1"]', "23:30", "2031-05-01 10:00:00", "single", "cron", "push"]),
    st.sampled_from(["http", "keyword", "dns", "recurring-weekday", "0 2 * * *", '{"hours": 3}', "UTC", "{"]),
)  # fmt: skip
_ids = st.integers(0, 3)


def _rows(*columns: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    ids = {column: _ids for column in columns if column == "id" or column.endswith("_id")}
    others = {column: _cells for column in columns if column not in ids}
    return st.lists(st.fixed_dictionaries(ids, optional=others), max_size=4)


_monitors = _rows(
    *("id", "name", "type", "url", "hostname", "port", "interval", "maxretries", "retry_interval", "timeout"),
    *("accepted_statuscodes_json", "headers", "body", "keyword", "dns_resolve_type", "active", "upside_down"),
    *("basic_auth_user", "auth_method", "maxredirects", "description", "dns_resolve_server", "parent"),
)
_windows = _rows(
    *("id", "title", "strategy", "start_time", "end_time", "start_date", "end_date", "weekdays", "days_of_month"),
    *("interval_day", "timezone", "cron", "duration", "active"),
)
_backups = st.builds(
    Backup,
    monitors=_monitors,
    notifications=_rows("id", "name", "config"),
    monitor_notifications=_rows("id", "monitor_id", "notification_id"),
    tags=_rows("id", "name"),
    monitor_tags=_rows("id", "monitor_id", "tag_id", "value"),
    windows=_windows,
    monitor_windows=_rows("id", "monitor_id", "maintenance_id"),
    pages=_rows("id", "title", "slug", "description", "published"),
    groups=_rows("id", "name", "status_page_id", "weight"),
    monitor_groups=_rows("id", "monitor_id", "group_id", "weight"),
)


@given(_backups)
def test_whatever_a_kuma_holds_each_monitor_is_carried_over_or_told(backup: Backup) -> None:
    carried: Carried = read_monitors(backup)
    read_places(backup, carried)
    found: Found = carried.found
    things: list[WantedMonitor | WantedCheck] = [*found.monitors, *found.checks]
    names = [one.name for one in things]
    assert len(names) == len({*names})
    told = {left.place for left in found.left} | {one.place for one in things} | {one.place for one in found.windows}
    assert {f"monitor {row['id']}" for row in backup.monitors} <= told
    assert {f"maintenance {row['id']}" for row in backup.windows} <= told
    for window in found.windows:
        assert window.monitors or window.checks
    json.dumps([*(one.fields for one in things), *(one.fields for one in found.windows)])


@given(st.text("a:-*&<>[]{} \n#'\"", max_size=60))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    for content in (text, f"endpoints:\n- {text}\n", GATUS.replace("5m", text)):
        try:
            read_gatus(content.encode(), {})
        except NotReadable:
            continue


def test_a_backup_tells_what_a_database_does() -> None:
    carried = read_monitors(read_backup(json.dumps(KUMA_BACKUP).encode()))
    [shop] = carried.found.monitors
    assert (shop.channels, shop.fields["confirmations"], shop.fields["timeout_seconds"]) == (("Ops",), 2, 48)
    [job] = carried.found.checks
    assert (job.fields["timeout"], job.fields["tags"]) == (60, "prod")
