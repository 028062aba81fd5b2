"""Whom the events of a calendar name: how often that is looked up."""

import pytest

from query_api.calendar_files import Occurrence
from query_api.poppaping import on_call_import
from schemas.ids import new_id
from schemas.on_call import Handover, OnCallRotation, Turn


def test_what_a_series_says_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series has thousands of occurrences, and each may name ten thousand people."""
    looked_up: list[str] = []
    plain = on_call_import._plain

    def counted(name: str) -> str:
        looked_up.append(name)
        return plain(name)

    monkeypatch.setattr(on_call_import, "_plain", counted)
    rotation = OnCallRotation(
        id=new_id(),
        project="p",
        version=1,
        created=0,
        revised=0,
        name="Primary",
        tz="UTC",
        handover=Handover("2026-01-05", 7, 0),
        turns=(Turn((new_id(),), "Ada"),),
    )
    found = [Occurrence(at, at + 1, "one", 1, "Nobody", ("eve@example.com",)) for at in range(1_000)]
    assert len(on_call_import.overrides_of(found, rotation, ()).left_out) == 1_000
    assert len(looked_up) < 10
