"""Settings that things can be imagined with in place of their own. Pure.

`SETTINGS` are those that concern how events are judged, and who is told. What says when, where or how something is
probed, or which pings are accepted, cannot be asked about: those events were never made. `REFUSED` tells why.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

Kind = Literal["check", "monitor"]
Form = Literal["seconds", "number", "text", "flag", "schedule", "tz", "channels", "monitors", "none"]
Value = int | bool | str | tuple[str, ...]

LONGEST_KEYWORDS = 200
MOST_DEPENDENCIES = 10


class Setting(NamedTuple):
    """A setting. of: which things have it. least, most: of a number, in the unit of the field; or null: it may be
    left to another setting."""

    name: str
    of: tuple[Kind, ...]
    form: Form
    least: int = 0
    most: int = 0
    null: bool = False


_CHECK: tuple[Kind, ...] = ("check",)
_MONITOR: tuple[Kind, ...] = ("monitor",)
_BOTH: tuple[Kind, ...] = ("check", "monitor")
_YEAR = 31_536_000

SETTINGS: Mapping[str, Setting] = {
    each.name: each
    for each in (
        Setting("grace", _CHECK, "seconds", 60, _YEAR),
        Setting("late_limit", _CHECK, "seconds", 0, _YEAR, null=True),
        Setting("run_limit", _CHECK, "seconds", 60, _YEAR, null=True),
        Setting("period", _CHECK, "seconds", 60, _YEAR),
        Setting("schedule", _CHECK, "schedule"),
        Setting("tz", _CHECK, "tz"),
        Setting("start_kw", _CHECK, "text"),
        Setting("success_kw", _CHECK, "text"),
        Setting("failure_kw", _CHECK, "text"),
        Setting("filter_subject", _CHECK, "flag"),
        Setting("filter_body", _CHECK, "flag"),
        Setting("filter_http_body", _CHECK, "flag"),
        Setting("filter_default_fail", _CHECK, "flag"),
        Setting("manual_resume", _CHECK, "flag"),
        Setting("confirmations", _MONITOR, "number", 1, 10),
        Setting("recoveries", _MONITOR, "number", 1, 10),
        Setting("apdex_threshold", _MONITOR, "number", 1, 60_000),
        Setting("depends_on", _MONITOR, "monitors"),
        Setting("dependency_wait", _MONITOR, "seconds", 0, 3_600),
        Setting("channels", _BOTH, "channels"),
        Setting("mute", _BOTH, "none"),
        Setting("maintenance", _BOTH, "none"),
    )
}

_OTHER_PROBES = "it says what is probed and when; results of other probes were never made"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("interval", "target", "url", "kind", "type"), _OTHER_PROBES),
    "timeout": "of a monitor it says how a probe is made, and results of other probes were never made; of a check, "
    "give `period`",
    "regions": "the regions take turns, so other regions would have probed at other times; those results were never "
    "made",
    "excluded_regions": "the regions take turns, so other regions would have probed at other times; those results "
    "were never made",
    "confirm_interval": "it says when a failure is probed again; results of other moments were never made",
    "methods": "it says which pings are accepted; those that were refused are in no journal",
    "tags": "it says what other settings cover; give those settings instead, such as mute=none or maintenance=none",
    "quiet_hours": "it is a setting of a channel, which says when a notice is sent, not whether something is down",
    "notices": "it is a setting of a channel; give channels=... to see who would have been told",
}


class Change(Struct, frozen=True):
    """A setting in place of what it was. value: None: left to another setting (`late_limit` to `grace`)."""

    name: str
    value: Value | None


Changes = tuple[Change, ...]


def concerns(changes: Changes, kind: Kind) -> bool:
    """Whether some of the settings are those of such a thing."""
    return any(kind in SETTINGS[change.name].of for change in changes)
