"""docs/what-if.md shows what is really answered; and two views of one answer agree."""

import re

import pytest
from msgspec.structs import replace

from pingfold.what_if.text import show
from tests.source_tree import ROOT
from tests.what_if_story import BACKUP, SWEEP, TWENTY, Story

PAGE = ROOT / "docs" / "what-if.md"


def test_the_page_shows_what_is_answered() -> None:
    """`python -m tests.what_if_story` prints it."""
    story = Story()
    shown = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown == [story.text(TWENTY), story.text(SWEEP)]


def test_one_alert_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Story().answer(TWENTY)
    show(replace(answer, cases=[replace(answer.cases[0], imagined=1)]), {})
    assert "with grace=20m: 1 alert instead of 10: " in capsys.readouterr().out


def test_each_alert_and_each_count_tell_the_same() -> None:
    answer = Story().answer(TWENTY)
    [case] = answer.cases
    verdicts = [alert.verdict for alert in answer.alerts]
    for verdict in ("kept", "earlier", "later", "spared", "added"):
        assert verdicts.count(verdict) == getattr(case, verdict)
    assert case.sent == sum(alert.sent is not None for alert in answer.alerts)
    assert case.imagined == sum(alert.imagined is not None for alert in answer.alerts)
    backup = next(one for one in answer.things if one.id == BACKUP)
    down = [alert for alert in answer.alerts if alert.id == BACKUP]
    assert backup.down_seconds == sum(alert.sent.length_seconds or 0 for alert in down if alert.sent)
    assert backup.imagined_down_seconds == sum(alert.imagined.length_seconds or 0 for alert in down if alert.imagined)
