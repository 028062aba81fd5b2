"""Questions about what would have been: what is taken, and what is said of one that makes no sense."""

import pytest
from msgspec.structs import replace

from query_api.what_if.question import Inventory, Said, question_of
from query_api.what_if.settings import InvalidQuestion, Reader
from schemas.base import SECOND
from schemas.definitions import Channel, Check
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.what_if.questions import MOST_THINGS
from schemas.what_if.settings import Change

NOW = 1_800_000_000 * SECOND
DAY = 86_400 * SECOND
CHECK, OTHER, MONITOR, HOOK, CHAT = (derived_id(name) for name in ("check", "other", "monitor", "hook", "chat"))
CHANNELS = [
    Channel(id=HOOK, project="p", kind="webhook", url="", created=0, name="Ops"),
    Channel(id=CHAT, project="p", kind="webhook", url="", created=0, name="Chat", notices=("monitor.down",)),
]
MONITORS = [Monitor(id=MONITOR, project="p", version=1, created=0, revised=0, name="Shop")]
CHECKS = [
    Check(id=CHECK, project="p", version=1, created=0, name="Backup", slug="backup", tags="night db"),
    Check(id=OTHER, project="p", version=1, created=0, name="Shop"),
]
HAVE = Inventory("p", CHECKS, MONITORS, CHANNELS)
READER = Reader(CHANNELS, MONITORS)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"grace": "20m"}, 1_200),
        ({"grace": 90}, 90),
        ({"late_limit": None}, None),
        ({"late_limit": "0"}, 0),
        ({"confirmations": "3"}, 3),
        ({"filter_body": True}, True),
        ({"filter_body": "off"}, False),
        ({"failure_kw": " ERROR "}, " ERROR "),
        ({"channels": "none"}, ()),
        ({"channels": "*"}, (HOOK, CHAT)),
        ({"channels": "Ops"}, (HOOK,)),
        ({"depends_on": MONITOR}, (MONITOR,)),
        ({"schedule": "*/5 * * * *"}, "*/5 * * * *"),
        ({"tz": "Europe/Berlin"}, "Europe/Berlin"),
        ({"mute": "none"}, "none"),
    ],
)
def test_settings_are_taken_as_people_write_them(given: dict[str, object], value: object) -> None:
    [name] = given
    assert READER.changes(given) == (Change(name, value),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"grace": "1s"}, "has a 'grace' that is not from 1m to 365d"),
        ({"grace": "forever"}, "has 'grace=forever'; a duration such as 20m"),
        ({"grace": "9" * 30}, "a duration such as 20m"),
        ({"grace": 1.5}, "must have texts, whole numbers"),
        ({"grace": None}, "has 'grace=null'; a duration"),
        ({"confirmations": 0}, "has a 'confirmations' that is not from 1 to 10"),
        ({"confirmations": "2m"}, "a whole number is taken"),
        ({"filter_body": "maybe"}, "true or false is taken"),
        ({"failure_kw": "x" * 201}, "longer than 200 characters"),
        ({"failure_kw": "a\0"}, "has a 'failure_kw' that holds what is no character of a text"),
        ({"start_kw": "\udcff"}, "has a 'start_kw' that holds what is no character of a text"),
        *(({"grace": value}, "a duration such as 20m") for value in (-5, True, "NaN", "1e3", "1.5h", "0x10", "１２")),
        ({"period": 10**13}, "a duration such as 20m"),
        ({"period": "366d"}, "has a 'period' that is not from 1m to 365d"),
        ({"confirmations": 11}, "has a 'confirmations' that is not from 1 to 10"),
        ({"depends_on": ",".join(derived_id("x", n) for n in range(11))}, "has more than 10 monitors in 'depends_on'"),
        ({"schedule": "*-02-30"}, "has a 'schedule' that never runs"),
        *(({"tz": value}, "has a 'tz' that is not the name") for value in ("", "Europe", "../UTC", "UTC\0", "x" * 900)),
        ({"channels": "nobody"}, "names no channel of the project: 'nobody'"),
        ({"depends_on": CHECK}, "names no monitor of the project"),
        ({"schedule": "every day"}, "has a 'schedule' that is not an OnCalendar expression"),
        ({"tz": "Mars/Olympus"}, "has a 'tz' that"),
        ({"mute": "2h"}, "only 'mute=none' can be asked about"),
        ({"interval": 5}, "results of other probes were never made"),
        ({"timeout": 5}, "of a check, give `period`"),
        ({"regions": "eu"}, "the regions take turns"),
        ({"methods": "POST"}, "which pings are accepted"),
        ({"gracee": 5}, "has 'gracee', which is no setting; these are: grace,"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(given: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidQuestion, match="Field 'set'") as refused:
        READER.changes(given)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("grace=5m..1h", [300 * n for n in range(1, 13)]),
        ("grace=5m..1h/20m", [300, 1_500, 2_700, 3_600]),
        ("grace=1h, 5m,1h", [3_600, 300]),
        ("confirmations=1..4", [1, 2, 3, 4]),
        ("grace=60..62", [60, 61, 62]),
        ("failure_kw=bad,worse", ["bad", "worse"]),
        ("failure_kw=a..b|bad, worse", ["a..b", "bad, worse"]),
        ("schedule=Mon..Fri 02:00", ["Mon..Fri 02:00"]),
        ("schedule=Mon..Fri 02:00 | 0 1,13 * * *", ["Mon..Fri 02:00", "0 1,13 * * *"]),
        ("channels=Ops|none|Ops,Chat", [(HOOK,), (), (HOOK, CHAT)]),
        ("late_limit=0,none", [0, None]),
        ("tz=UTC,Europe/Berlin", ["UTC", "Europe/Berlin"]),
        ("filter_body=on,off,yes", [True, False]),
        ("maintenance=none", ["none"]),
    ],
)
def test_a_sweep_tries_values_in_order(given: str, values: list[object]) -> None:
    assert [change.value for change in READER.sweep(given)] == values


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("grace", "must be a setting and a range"),
        ("grace=", "must be a setting and a range"),
        ("grace=1h..5m", "ends before it begins"),
        ("grace=5m..5m", "ends before it begins"),
        ("grace=5m..1h/0", "a step that is not greater than 0"),
        ("grace=5m..365d/1m", "has more than 24 steps"),
        ("grace=5m..", "a duration such as 20m"),
        ("grace=1s..1h", "not from 1m to 365d"),
        ("grace=" + ",".join(f"{n}m" for n in range(1, 30)), "tries 29 values; at most 24"),
        ("filter_body=on..off", "has 'filter_body=on..off'; true or false is taken"),
        ("schedule=* * * * *,@daily", "put | between several schedules"),
        ("schedule=* * * * *|@neverly", "has a 'schedule' that is not"),
        ("interval=1..5", "results of other probes were never made"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_said(given: str, text: str) -> None:
    with pytest.raises(InvalidQuestion, match="Field 'sweep'") as refused:
        READER.sweep(given)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        (Said(CHECK), [CHECK]),
        (Said("backup"), [CHECK]),
        (Said("Backup"), [CHECK]),
        (Said("tag:db"), [CHECK]),
        (Said("tag:night"), [CHECK]),
        (Said("project"), sorted([CHECK, OTHER, MONITOR])),
        (Said(MONITOR.upper()), [MONITOR]),
    ],
)
def test_things_are_chosen(said: Said, ids: list[str]) -> None:
    assert [one.id for one in question_of(said, HAVE, NOW).chosen] == ids


@pytest.mark.parametrize(
    ("said", "field", "text"),
    [
        (Said(derived_id("nobody's")), "thing", "names no check and no monitor"),
        (Said(""), "thing", "names no check and no monitor"),
        (Said("Shop"), "thing", "is the name of 2 things"),
        (Said("tag:a b"), "thing", "one tag"),
        (Said("tag:nigh"), "thing", "no heartbeat check of the project has"),
        (Said("tag:none"), "thing", "no heartbeat check of the project has"),
        (Said(CHECK, {"confirmations": 3}), "set", "a setting of monitors only"),
        (Said(MONITOR, {}, "grace=5m..1h"), "sweep", "a setting of checks only"),
        (Said(CHECK, {"grace": 90}, "grace=5m..1h"), "sweep", "is set as well"),
        (Said(since="soon"), "since", "a duration before now"),
        (Said(since="2030-01-01"), "since", "must be a time that has passed"),
        (Said(since="0001-01-01"), "since", "at most 400 days"),
        (Said(since="2025-12-01", until="1d"), "since", "at most 400 days before 'until'"),
        (Said(since="900d"), "since", "at most 400 days"),
        (Said(since="forever"), "since", "at most 400 days"),
        (Said(until="2999-01-01"), "until", "must be a time that has passed"),
        (Said(since="1d", until="1d"), "until", "later than 'since'"),
        (Said(since="1d", until="2d"), "until", "later than 'since'"),
        (Said(short="0s"), "short", "from 1s to 1d"),
        (Said(short="long"), "short", "from 1s to 1d"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(said: Said, field: str, text: str) -> None:
    with pytest.raises(InvalidQuestion) as refused:
        question_of(said, HAVE, NOW)
    assert refused.value.field == field
    assert text in str(refused.value)


def test_more_things_than_can_be_asked_about_are_refused_with_what_to_do() -> None:
    many = [
        Check(id=f"{n:036}", project="p", version=1, created=0, tags="few" if n < MOST_THINGS else "")
        for n in range(MOST_THINGS + 1)
    ]
    with pytest.raises(InvalidQuestion, match="at most 20000 can be asked about at once: choose checks by a tag"):
        question_of(Said(), HAVE._replace(checks=many, monitors=()), NOW)
    few = question_of(Said("tag:few"), HAVE._replace(checks=many, monitors=()), NOW)
    assert len(few.chosen) == MOST_THINGS


def test_two_channels_of_one_name_are_told_apart_by_id() -> None:
    twins = [*CHANNELS, replace(CHANNELS[0], id=OTHER)]
    with pytest.raises(InvalidQuestion, match="has a name that several channels have: 'Ops'; give its id"):
        Reader(twins, ()).changes({"channels": "Ops"})
    assert Reader(twins, ()).changes({"channels": f"{OTHER}, Chat"}) == (Change("channels", (OTHER, CHAT)),)


def test_the_span_is_as_it_was_said() -> None:
    question = question_of(Said(CHECK, since="2d", until="1d", short="10m"), HAVE, NOW)
    assert (question.since, question.until, question.short) == (NOW - 2 * DAY, NOW - DAY, 600 * SECOND)
    assert question.takes == {HOOK: CHANNELS[0].notices, CHAT: ("monitor.down",)}


A, B, C = (derived_id(name) for name in "abc")


def monitors(**depends_on: tuple[str, ...]) -> Inventory:
    """Three, of which some depend on others already."""
    return Inventory(
        "p",
        (),
        [
            Monitor(id=id, project="p", version=1, created=0, revised=0, name=name, depends_on=depends_on.get(name, ()))
            for id, name in zip((A, B, C), "abc", strict=True)
        ],
        (),
    )


@pytest.mark.parametrize(
    ("thing", "given", "known", "looped"),
    [
        ("a", A, {}, A),
        ("a", f"{B},{A}", {}, A),
        ("a", B, {"b": (A,)}, A),
        ("a", C, {"b": (A,), "c": (B,)}, A),
        ("project", f"{A},{B}", {}, min(A, B)),
    ],
)
def test_nothing_is_imagined_to_depend_on_itself(
    thing: str, given: str, known: dict[str, tuple[str, ...]], looped: str
) -> None:
    for said in (Said(thing, {"depends_on": given}), Said(thing, sweep=f"depends_on=none|{given}")):
        with pytest.raises(InvalidQuestion) as refused:
            question_of(said, monitors(**known), NOW)
        assert str(refused.value) == f"Field 'depends_on': depends on itself: {looped}."
        assert refused.value.text == f"depends_on: depends on itself: {looped}"
        assert refused.value.field == ("sweep" if said.sweep else "set")


@pytest.mark.parametrize(
    ("thing", "given", "known"),
    [
        ("project", A, {}),
        ("project", A, {"a": (B,)}),  # a, too, is given what all are given, less itself
        ("a", B, {"a": (B,), "c": (A,)}),
        ("a", f"{B},{C}", {"b": (C,)}),
        ("a", B, {"b": (C,), "c": (B,)}),  # a loop of others
        ("a", "none", {"b": (A,)}),
    ],
)
def test_what_is_no_loop_can_be_asked(thing: str, given: str, known: dict[str, tuple[str, ...]]) -> None:
    question = question_of(Said(thing, {"depends_on": given}), monitors(**known), NOW)
    assert question.changes[0].name == "depends_on"
