"""Tables of history that are kept as long as others, unless they have a setting of their own."""

import pytest

from infra.settings.settings import Settings

DAY = 86_400


def test_what_has_no_setting_of_its_own_is_kept_as_the_other() -> None:
    kept = Settings(_env_file=None, history_transitions="20d", history_roll_ups="800d")
    assert (kept.history_incidents, kept.history_gaps, kept.history_validity) == (20 * DAY,) * 3
    assert (kept.history_hours, kept.history_days, kept.history_months) == (800 * DAY,) * 3
    assert kept.history_ping_facts is None


def test_its_own_setting_counts_forever_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGFOLD_HISTORY_ROLL_UPS", "800d")
    monkeypatch.setenv("PINGFOLD_HISTORY_HOURS", "30d")
    monkeypatch.setenv("PINGFOLD_HISTORY_MONTHS", "forever")
    kept = Settings(_env_file=None)
    assert (kept.history_hours, kept.history_days, kept.history_months) == (30 * DAY, 800 * DAY, None)


@pytest.mark.parametrize(
    "name", ["hours", "days", "months", "incidents", "gaps", "validity", "ping_facts", "lost_records"]
)
@pytest.mark.parametrize("value", ["30m", "soon", "-1d"])
def test_what_is_no_duration_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PINGFOLD_HISTORY_{name.upper()}", value)
    with pytest.raises(ValueError, match=f"history_{name}"):
        Settings(_env_file=None)
