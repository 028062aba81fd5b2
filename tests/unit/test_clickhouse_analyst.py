"""What an analyst may ask of the embedded ClickHouse, without the engine."""

from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse import analytics
from infra.clickhouse.analytics import view_names, view_statement
from infra.embedded.clickhouse_access import caller_of
from infra.embedded.clickhouse_analyst import ANALYST_LIMITS, analyst_call, check_analyst_statement, check_copies
from infra.embedded.clickhouse_http import Call, StatementRejected
from infra.embedded.logins import Login
from infra.settings.ignored import ignored_settings
from infra.settings.settings import Settings

OWNER, ANALYST = Login("pingfold", "a"), Login("analyst", "b")


def call(statement: str = "SELECT 1", **changes: Any) -> Call:
    given: dict[str, Any] = {
        "statement": statement.encode(), "insert_format": None, "data": (), "database": "default", "parameters": {},
        "settings": {}, "default_format": "TabSeparated", "query_id": "",
    }  # fmt: skip
    return Call(**(given | changes))


def test_the_database_of_views_is_the_one_that_is_meant() -> None:
    assert analyst_call(call()).database == analyst_call(call(database="analytics")).database == "analytics"
    for other in ("pingfold", "system", "main", "information_schema", "ANALYTICS", ""):
        with pytest.raises(StatementRejected, match="497"):
            analyst_call(call(database=other))


@pytest.mark.parametrize(
    "statement", ["INSERT INTO t SELECT 1", "SET x = 1", "USE a", "(DROP TABLE t)", "GRANT a TO b"]
)
def test_only_what_reads_is_let_through(statement: str) -> None:
    with pytest.raises(StatementRejected, match="only SELECT"):
        analyst_call(call(statement))


@given(st.sampled_from(sorted(ANALYST_LIMITS)), st.text(max_size=30) | st.integers().map(str))
def test_a_bound_can_only_be_lowered(name: str, value: str) -> None:
    try:
        told = analyst_call(call(settings={name: value})).settings
    except StatementRejected:
        return
    assert 1 <= int(told[name]) <= int(ANALYST_LIMITS[name])


@given(st.from_regex(r"[a-z_]{1,30}", fullmatch=True))
def test_settings_that_are_not_known_are_refused(name: str) -> None:
    known = name in ANALYST_LIMITS or name == "readonly" or name.startswith("output_format_")
    harmless = {
        "format_csv_delimiter", "date_time_output_format", "session_timezone", "join_use_nulls", "max_threads",
        "aggregate_functions_null_for_empty", "prefer_column_name_to_alias", "extremes", "log_comment", "limit",
        "offset",
    }  # fmt: skip
    if known or name in harmless:
        return
    with pytest.raises(StatementRejected, match="READONLY"):
        analyst_call(call(settings={name: "1"}))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM system.processes", "SELECT * FROM `system`.`query_log`", "SELECT * FROM SYSTEM.Processes",
        "SHOW PROCESSLIST", "SELECT a FROM t WHERE x IN (SELECT query FROM system.query_log)",
    ],
)  # fmt: skip
def test_questions_of_others_are_not_shown(text: str) -> None:
    with pytest.raises(StatementRejected, match="ACCESS_DENIED"):
        check_analyst_statement(text)


@pytest.mark.parametrize(
    "text",
    ["SELECT 'system.processes'", "SELECT * FROM system.columns", "SELECT system FROM t", "SELECT `a.system` FROM t"],
)
def test_what_only_looks_like_it_is_let_through(text: str) -> None:
    check_analyst_statement(text)


def between(depth: int, inner: str = "1") -> str:
    for _ in range(depth):
        inner = f"({inner} BETWEEN 0 AND 2)"
    return inner


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT {between(40)}", f"SELECT f({between(40)})", "SELECT 1" + " BETWEEN 0 AND 2" * 30,
        f"SELECT [{between(20, '1, 2')}]", "SELECT " + "f(x BETWEEN 0 AND 2) BETWEEN " * 40,
        f"SELECT (SELECT 1 FROM t WHERE {between(20)}) BETWEEN 0 AND 1", f"SELECT {between(20).lower()}",
    ],
)  # fmt: skip
def test_what_multiplies_as_it_is_read_is_refused(statement: str) -> None:
    with pytest.raises(StatementRejected, match="BETWEEN"):
        check_copies(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT " + ", ".join(f"a{n} BETWEEN {n} AND 5" for n in range(2_000)),
        "SELECT 1 WHERE " + " AND ".join(f"(a{n} BETWEEN {n} AND 5)" for n in range(500)),
        f"SELECT {between(5)}", f"SELECT '{between(40)}'", "SELECT 1 -- " + "BETWEEN " * 500,
        "SELECT x IN (" + ", ".join(map(str, range(10_000))) + ") AND a BETWEEN 1 AND 2",
    ],
)  # fmt: skip
def test_ordinary_betweens_are_let_through(statement: str) -> None:
    check_copies(statement.encode())


def test_formats_whose_answers_have_no_bound_are_refused() -> None:
    for name in ("JSONColumns", "JSONCompactColumns", "SQLInsert", "Avro", "Template", "x", ""):
        with pytest.raises(StatementRejected, match="UNKNOWN_FORMAT"):
            analyst_call(call(default_format=name))
        with pytest.raises(StatementRejected, match="UNKNOWN_FORMAT"):
            check_analyst_statement(f"SELECT 1 FORMAT {name or 'x'}")
        check_analyst_statement(f"SELECT '1 FORMAT {name}', format('x') AS format")
    for name in ("JSON", "JSONCompactEachRow", "TSVWithNames", "Native", "Parquet", "PrettyCompact", "Null"):
        assert analyst_call(call(default_format=name)).default_format == name
        check_analyst_statement(f"SELECT 1 FORMAT {name}")


@pytest.mark.parametrize(
    "name", ["output_format_sql_insert_table_name", "output_format_pretty_max_column_pad_width_chars"]
)
def test_settings_that_let_answers_grow_are_refused(name: str) -> None:
    with pytest.raises(StatementRejected, match="READONLY"):
        analyst_call(call(settings={name: "1"}))


def test_each_login_is_itself() -> None:
    for login in (OWNER, ANALYST):
        headers = {"x-clickhouse-user": login.user, "x-clickhouse-key": login.password}
        assert caller_of(headers, b"", (OWNER, ANALYST)) is login
    for user, password in (("analyst", "a"), ("pingfold", "b"), ("", ""), ("analyst", "")):
        with pytest.raises(StatementRejected, match=r"516.*credentials\.json.*analyst-login\.json"):
            caller_of({"x-clickhouse-user": user, "x-clickhouse-key": password}, b"", (OWNER, ANALYST))


@pytest.mark.parametrize("name", view_names())
def test_a_view_names_its_databases_and_its_maker(name: str) -> None:
    sql = view_statement(name, "past_1", "seen_1")
    assert sql.startswith(f"CREATE OR REPLACE VIEW `seen_1`.{name} (")
    assert "Made by Pingfold of the database past_1'" in sql
    assert "{" not in sql
    assert "DEFINER = CURRENT_USER SQL SECURITY DEFINER" in sql


def test_another_name_is_of_no_use_to_the_embedded_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)
    assert ignored_settings(Settings()) == ignored_settings(Settings(analytics_database=None))
    assert any("analytics only" in line for line in ignored_settings(Settings(analytics_database="seen")))


def test_a_server_that_cannot_make_them_keeps_history_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise DatabaseError("no such syntax", code=62)

    monkeypatch.setattr(analytics, "connect", lambda _: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(analytics, "make_views", refused)
    assert analytics.apply("http://127.0.0.1:1/past", Settings()) is False
