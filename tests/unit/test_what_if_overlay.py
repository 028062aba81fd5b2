"""Definitions and states as they would be with other settings: each setting, and that nothing else moves."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from processors.fold.contract import Record
from processors.refold.selection import states_about
from processors.what_if.overlay import CHANGED, Overlay
from processors.what_if.selection import Selection
from schemas.base import encode
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, MaintenanceCopy, MaintenanceDefined, MaintenanceRemoved, Once
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.pings import CheckDefined, Ping
from schemas.probes import DependencyChanged, MonitorDefined, ProbeCompleted
from schemas.schedules import Cron, OnCalendar, Schedule, Simple
from schemas.tag_mutes import TagMute, TagMuteCopy, TagMuted, TagUnmuted
from schemas.ticks import PROGRESS_KEY, Tick
from schemas.what_if.settings import SETTINGS, Change, Changes, concerns

ID, OTHER, ROUTER = derived_id("one"), derived_id("other"), derived_id("router")
CHECK = Check(id=ID, project="p", version=3, created=1, name="n", slug="n", channels=("hook",), mute_until="forever")
MONITOR = Monitor(id=ID, project="p", version=3, created=1, revised=1, name="n", mute_until=5, depends_on=(OTHER,))

# Of each setting a value that is not the one of the definitions above, and the fields that it changes.
OF_CHECKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "grace": (90, {"grace": 90}),
    "late_limit": (0, {"late_limit": 0}),
    "run_limit": (70, {"run_limit": 70}),
    "period": (120, {"schedule": Simple(120)}),
    "schedule": ("*/5 * * * *", {"schedule": Cron("*/5 * * * *", "UTC")}),
    "start_kw": ("go", {"start_kw": "go"}),
    "success_kw": ("ok", {"success_kw": "ok"}),
    "failure_kw": ("bad", {"failure_kw": "bad"}),
    "filter_subject": (True, {"filter_subject": True}),
    "filter_body": (True, {"filter_body": True}),
    "filter_http_body": (True, {"filter_http_body": True}),
    "filter_default_fail": (True, {"filter_default_fail": True}),
    "manual_resume": (True, {"manual_resume": True}),
    "channels": (("a", "b"), {"channels": ("a", "b")}),
    "mute": ("none", {"mute_until": None}),
}
OF_MONITORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "confirmations": (5, {"confirmations": 5}),
    "recoveries": (4, {"recoveries": 4}),
    "apdex_threshold": (77, {"apdex_threshold": 77}),
    "depends_on": ((ID, ROUTER), {"depends_on": (ROUTER,)}),
    "dependency_wait": (0, {"dependency_wait": 0}),
    "channels": (("a",), {"channels": ("a",)}),
    "mute": ("none", {"mute_until": None}),
}


def changed(before: msgspec.Struct, after: msgspec.Struct) -> dict[str, Any]:
    was = asdict(before)
    return {name: value for name, value in asdict(after).items() if value != was[name]}


@pytest.mark.parametrize("name", OF_CHECKS)
def test_each_setting_of_a_check_changes_that_alone(name: str) -> None:
    value, fields = OF_CHECKS[name]
    overlay = Overlay((Change(name, value),), {ID})
    assert changed(CHECK, overlay.check(CHECK)) == fields
    other = replace(CHECK, id=OTHER)
    assert overlay.check(other) is other
    copy = overlay.states({"x": DefinitionCopy(check=CHECK)})["x"]
    assert copy == DefinitionCopy(check=overlay.check(CHECK))


@pytest.mark.parametrize("name", OF_MONITORS)
def test_each_setting_of_a_monitor_changes_that_alone(name: str) -> None:
    value, fields = OF_MONITORS[name]
    overlay = Overlay((Change(name, value),), {ID})
    assert changed(MONITOR, overlay.monitor(MONITOR)) == fields
    other = replace(MONITOR, id=OTHER)
    assert overlay.monitor(other) is other
    copy = overlay.states({"x": MonitorCopy(monitor=MONITOR)})["x"]
    assert copy == MonitorCopy(monitor=overlay.monitor(MONITOR))


def test_every_setting_is_tried() -> None:
    for name in SETTINGS:
        of = {kind for kind, values in (("check", OF_CHECKS), ("monitor", OF_MONITORS)) if name in values}
        if name not in ("tz", "maintenance"):
            assert of == {kind for kind in SETTINGS[name].of if concerns((Change(name, None),), kind)}


@pytest.mark.parametrize(
    ("schedule", "changes", "would"),
    [
        (Simple(60), {"tz": "Asia/Tokyo"}, Simple(60)),
        (Cron("0 2 * * *", "UTC"), {"tz": "Asia/Tokyo"}, Cron("0 2 * * *", "Asia/Tokyo")),
        (Cron("0 2 * * *", "Asia/Tokyo"), {"period": 90}, Simple(90)),
        (Cron("0 2 * * *", "Asia/Tokyo"), {"schedule": "1 2 * * *"}, Cron("1 2 * * *", "Asia/Tokyo")),
        (Cron("0 2 * * *", "Asia/Tokyo"), {"schedule": "Mon *-*-* 02:00"}, OnCalendar("Mon *-*-* 02:00", "Asia/Tokyo")),
        (Simple(60), {"schedule": "1 2 * * *", "period": 90, "tz": "Asia/Tokyo"}, Cron("1 2 * * *", "Asia/Tokyo")),
        (Simple(60), {"schedule": "1 2 * * *"}, Cron("1 2 * * *", "UTC")),
    ],
)
def test_a_schedule_would_be_what_the_api_makes_of_it(
    schedule: Schedule, changes: dict[str, Any], would: Schedule
) -> None:
    overlay = Overlay(tuple(Change(*one) for one in changes.items()), {ID})
    assert overlay.check(replace(CHECK, schedule=schedule)).schedule == would


def record(event: msgspec.Struct, key: str = ID) -> Record:
    return Record(7, 5, key.encode(), encode(event))


WINDOW = Maintenance(
    id="w", project="p", version=1, created=0, revised=0, name="w", everything=True, window=Once(0, 10)
)  # fmt: skip
MUTE = TagMute(id="m", project="p", version=1, created=0, label="night")
WINDOWS = (record(MaintenanceDefined(at=1, maintenance=WINDOW), "w"), record(MaintenanceRemoved(at=1, id="w"), "w"))
TAGS = (record(TagMuted(at=1, mute=MUTE), "m"), record(TagUnmuted(at=1, id="m"), "m"))
WORD = record(DependencyChanged(at=1, monitor=ROUTER, down=True), ROUTER)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ((), ()),
        ((Change("maintenance", "none"),), WINDOWS),
        ((Change("mute", "none"),), TAGS),
        ((Change("maintenance", "none"), Change("mute", "none")), (*WINDOWS, *TAGS)),
        ((Change("grace", 90),), ()),
    ],
)
def test_windows_and_mutes_are_left_out_where_that_is_asked(changes: Changes, gone: tuple[Record, ...]) -> None:
    overlay = Overlay(changes, {ID})
    for one in (*WINDOWS, *TAGS):
        assert one.value is not None
        assert one.value.startswith(CHANGED)
        assert overlay.record(one) is (None if one in gone else one)


def test_a_word_that_is_told_anew_is_left_out() -> None:
    assert Overlay((), {ID}, {ROUTER}, {ROUTER}).record(WORD) is None
    assert Overlay((), {ROUTER}, {ROUTER}, {ID}).record(WORD) is WORD


def test_a_definition_in_the_journal_is_changed_and_nothing_else() -> None:
    overlay = Overlay((Change("grace", 90), Change("confirmations", 5)), {ID}, {ROUTER})
    found = overlay.record(record(CheckDefined(at=4, check=CHECK)))
    assert found is not None
    assert found.value == encode(CheckDefined(at=4, check=replace(CHECK, grace=90)))
    assert (found.offset, found.timestamp, found.key) == (7, 5, ID.encode())
    found = overlay.record(record(MonitorDefined(at=4, monitor=MONITOR)))
    assert found is not None
    assert found.value == encode(MonitorDefined(at=4, monitor=replace(MONITOR, confirmations=5)))
    router = replace(MONITOR, id=ROUTER)
    found = overlay.record(record(MonitorDefined(at=4, monitor=router), ROUTER))
    assert found is not None
    assert found.value == encode(MonitorDefined(at=4, monitor=replace(router, depended_on=True)))
    for same in (
        record(CheckDefined(at=4, check=replace(CHECK, id=OTHER)), OTHER),
        record(CheckDefined(at=4, check=replace(CHECK, grace=90))),
        Record(7, 5, ID.encode(), b'{"type":"check.defined","at":"nonsense"}'),
    ):
        assert overlay.record(same) is same


def test_states_begin_without_mutes_and_windows_where_that_is_asked() -> None:
    overlay = Overlay((Change("mute", "none"), Change("maintenance", "none")), {ID})
    states = {
        "a": CheckState(version=1, muted=True, by_tag=True),
        "b": CheckState(version=1, muted=True),
        "c": MonitorState(version=1, muted=True),
        "w": MaintenanceCopy(maintenance=WINDOW),
        "m": TagMuteCopy(mute=MUTE),
    }
    found: dict[str, Any] = overlay.states(states)
    assert [found[key].muted for key in "abc"] == [True, False, False]  # a: until its tag's mute is ended
    assert overlay.ends(states, 9) == [("w", MaintenanceRemoved(at=9, id="w")), ("m", TagUnmuted(at=9, id="m"))]
    plain = Overlay((), {ID})
    assert plain.ends(states, 9) == []
    assert plain.states(states) == states


@pytest.mark.parametrize(
    ("event", "key", "wanted"),
    [
        (Ping(kind="success", at=1), ID, True),
        (Ping(kind="success", at=1), OTHER, False),
        (CheckDefined(at=1, check=CHECK), OTHER, False),
        (MonitorDefined(at=1, monitor=MONITOR), OTHER, False),
        (ProbeCompleted(slot=1, region="a", at=1, took=1, ok=True), OTHER, False),
        (Tick(slot="s", epoch=1, at=1, now=1), "tick", True),
        (DependencyChanged(at=1, monitor=OTHER, down=True), OTHER, True),
        (TagMuted(at=1, mute=MUTE), "m", True),
    ],
)
def test_what_is_of_another_thing_alone_is_passed_over(event: msgspec.Struct, key: str, wanted: bool) -> None:
    selection = Selection({ID})
    assert selection.wants(key.encode(), encode(event)) is wanted
    assert selection.wants(key.encode(), None)


def test_the_states_that_are_begun_with_are_those_of_explanations() -> None:
    kinds = ("definition/", "validity/", "maintenance/", "tag-mute/", "dependency/", "region/", "")
    keys = [PROGRESS_KEY, *(kind + id for kind in kinds for id in (ID, OTHER))]
    about, selection = states_about(ID), Selection({ID})
    assert [selection.wants_state(key) for key in keys] == [about(key) for key in keys]
    assert Selection({ID, OTHER}).wants_state(f"validity/{OTHER}")
