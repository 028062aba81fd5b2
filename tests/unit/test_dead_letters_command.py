"""`pingfold dead-letters list`: a line each, of which nothing is cut and nothing is obeyed by a terminal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import dead_letters
from pingfold.commands.dead_letter_retry import passed_over
from schemas.base import SECOND
from schemas.dead_letters import DeadLetter

CHECK = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


def letter(offset: int, key: str = CHECK, value: bytes = b"{}") -> DeadLetter:
    return DeadLetter(
        topic="probe-results",
        partition=15,
        offset=offset,
        key=key,
        value=value,
        reason="not JSON",
        at=1_700_000_000 * SECOND,
    )


def test_dead_letters_as_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = [letter(12_345_678, value=b"\x1b]0;evil\n\xff" + b"x" * 200), letter(9, key="")]
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    monkeypatch.setattr(dead_letters, "stored_dead_letters", lambda _: letters)
    result = CliRunner().invoke(app, ["dead-letters", "list"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    head, first, second = result.stdout.splitlines()
    assert [cell.strip() for cell in head.split("  ") if cell] == [
        *("time (UTC)", "topic/partition/offset", "key", "reason", "value")
    ]
    shown = "\ufffd]0;evil\ufffd\ufffd" + "x" * 200
    assert [cell.strip() for cell in first.split("  ") if cell] == [
        *("2023-11-14 22:13:20", "probe-results/15/12345678", CHECK, "not JSON", shown)
    ]
    assert second.split() == ["2023-11-14", "22:13:20", "probe-results/15/9", "-", "not", "JSON", "{}"]


def test_what_is_passed_over_when_it_is_put_back_is_told() -> None:
    values = (b'{"type":"escalation.defined","at":1}', b'{"type":"escalation.defined"}', b"\xff", b"[]", b'{"type":5}')
    said = list(passed_over([letter(n, value=value) for n, value in enumerate((*values, b'{"type":"check.paused"}'))]))
    assert [line.partition(":")[0] for line in said] == [
        "1 of them is check.paused",
        "2 of them are escalation.defined",
    ]
    assert "PATCH /api/v1/escalation-policies/<id>" in said[1]
    assert list(passed_over([letter(1, value=b'{"type":"ping.received"}')])) == []
