"""What `pingfold audit` makes of its options and of an entry."""

import os
import pwd

import pytest

from pingfold.commands.admin import Failed
from pingfold.commands.audit import _by, _line, _plain, moment_of
from pingfold.commands.os_user import operator
from query_api.history.audit import AuditRow, Place
from query_api.history.audit_object import audit_object
from schemas.base import SECOND
from schemas.transitions import FieldChange

NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - 7 * 86_400 * SECOND),
        ("1d 12h", NOW - 36 * 3_600 * SECOND),
        ("forever", 0),
        ("100y", 0),
        ("2023-11-14", 1_699_920_000 * SECOND),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("1066-10-14", 0),
    ],
)
def test_since(text: str, moment: int) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d"])
def test_a_moment_that_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(Failed, match="--since takes a duration such as 7d"):
        moment_of(text, NOW)


def row(*changes: FieldChange, actor: str = "cli", key: str = "", user: str = "root", address: str = "h") -> AuditRow:
    place = Place(NOW, 0, 1)
    return AuditRow(place, "i", "c.d", "updated", "check", "t", "", actor, key, user, address, changes, 0, False)


def test_changes_in_words() -> None:
    changes = (
        FieldChange(field="grace", old=60, new=120),
        FieldChange(field="secret", hidden=True),
        FieldChange(field="url", old="https://a", new="https://b", hidden=True),
        FieldChange(field="name", new="x" * 100),
        FieldChange(field="channels", old=["a"]),
    )
    assert [_line(change) for change in audit_object(row(*changes))["changes"]] == [
        "grace: 60 → 120",
        "secret: changed (secret)",
        "url: https://a → https://b (not all is told)",
        f"name: {'x' * 60}…",
        'channels: ["a"] removed',
    ]


def test_who_in_words() -> None:
    assert _by(row()) == "cli root at h"
    assert _by(row(actor="api_key", key="k", user="")) == "api key k at h"
    assert _by(row(actor="unknown", user="", address="")) == "unknown"


def test_a_terminal_obeys_nothing_of_it() -> None:
    assert str(_plain("a\x1b]0;evil\x07\n[red]b")) == "a\ufffd]0;evil\ufffd\n[red]b"


def test_the_operator_is_whom_the_kernel_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    actor = operator()
    assert (actor.kind, actor.user, actor.key) == ("cli", pwd.getpwuid(os.geteuid()).pw_name, "")
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    assert operator().user == "3999999999"
