"""Answers about what is rolled up are kept under the same marks, and in bounds."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from infra.clickhouse.client import ClickHouse
from query_api.history.rolled_rows import RolledRows


class Row(NamedTuple):
    number: int


class Asked:
    """A ClickHouse whose answers tell how often it was asked."""

    def __init__(self, rows: int = 1) -> None:
        self.times, self._rows = 0, rows

    async def plain_rows(self, question: str, row: type[Row], parameters: Mapping[str, Any]) -> list[Row]:
        self.times += 1
        return [Row(self.times)] * self._rows


def kept(asked: Asked) -> RolledRows:
    return RolledRows(cast(ClickHouse, SimpleNamespace(plain_rows=asked.plain_rows)))


async def test_an_answer_counts_until_a_mark_moves() -> None:
    asked = Asked()
    rows = kept(asked)
    for marks, question, things, known in (
        ((1, 1, 1), "a", ["x"], 1), ((1, 1, 1), "a", ["x"], 1), ((1, 1, 1), "a", ["y"], 2), ((1, 1, 1), "b", ["x"], 3),
        ((1, 1, 1), "a", ["x"], 1), ((1, 1, 2), "a", ["x"], 4), ((1, 1, 2), "a", ["x"], 4), ((1, 1, 1), "a", ["x"], 5),
    ):  # fmt: skip
        assert await rows.plain_rows(question, Row, things, marks) == [Row(known)]


async def test_those_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.history.rolled_rows._MOST_ROWS", 25)
    asked = Asked(rows=10)
    rows = kept(asked)
    for question in ("a", "b", "a", "c", "a", "b"):
        await rows.plain_rows(question, Row, ["x"], (1,))
    assert asked.times == 4
    big = Asked(rows=100)
    rows = kept(big)
    for _ in range(2):
        assert len(await rows.plain_rows("a", Row, ["x"], (1,))) == 100
    assert big.times == 2
