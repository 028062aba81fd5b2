"""Random declarations: applied once they are there, exported they are the same, applied again they change nothing.

The project is one in memory: each thing is what its kind shows of it, as the REST APIs would.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pingfold.declared.exporting import export
from pingfold.declared.judging import Source, judged, no_place
from pingfold.declared.loading import loaded
from pingfold.declared.planning import Options, Plan, plan
from pingfold.declared.things import Declarations, Fields, Present, with_references
from schemas.ids import derived_id

NOW = "2026-01-01T00:00:00+00:00"
SECRET = "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
NAMES = (
    st.sampled_from(["A", "B", "NO", "12:30", "1.10", "true", "x: y", "- z", "ä ö", "#", "${X}", "null", "~"]) | TEXT
)
SLUGS = st.sampled_from(["a", "b", "on", "no", "007", "1e3", "null", "-", "_x", "12"])
PAGE_SLUGS = st.sampled_from(["a", "b", "off", "42"])
SECONDS = st.integers(60, 31_536_000)
ZONES = st.sampled_from(["UTC", "Europe/Riga", "America/New_York"])
SCHEDULES = st.sampled_from(["0 2 * * *", "*/5 * * * *", "Mon..Fri 08:00"])
TAGS = st.lists(st.sampled_from(["db", "web", "1.10", "on", "${T}"]), max_size=3, unique=True)


def fields(needed: Mapping[str, st.SearchStrategy[Any]], optional: Mapping[str, st.SearchStrategy[Any]]) -> Any:
    return st.fixed_dictionaries(dict(needed), optional=dict(optional))


WORKING_HOURS = {"from": "08:00", "to": "16:30", "days": ["mon", "tue"], "time_zone": "Europe/Riga"}
CHANNELS = (
    fields(
        {"type": st.just("webhook"), "url": st.just("https://hooks.example.com/${X}".replace("$", "%24"))},
        {"events": st.just(["monitor.down"]), "secret": st.just("$${SECRET} of a hook")},
    )
    | fields(
        {"type": st.just("slack"), "url": st.just(SECRET)},
        {
            "language": st.sampled_from(["de", "en"]),
            "timezone": ZONES,
            "digest": st.booleans(),
            "repeat_minutes": st.none() | st.just(30),
            "quiet_hours": st.sampled_from([None, {"from": "22:00", "to": "07:00"}, WORKING_HOURS]),
        },
    )
    | fields({"type": st.just("email"), "addresses": st.just(["a@example.org"])}, {"language": st.just("fr")})
    | fields(
        {"type": st.just("ntfy"), "server": st.just("https://ntfy.example.org"), "topic": st.just("alerts")},
        {"token": st.just("tk_abcdefghijklmnop")},
    )
)  # fmt: skip
CHECK_FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "name": NAMES.filter(lambda name: "\0" not in name),
    "desc": NAMES,
    "grace": SECONDS,
    "late_limit": st.none() | st.integers(0, 31_536_000),
    "run_limit": st.none() | SECONDS,
    "methods": st.sampled_from(["", "POST"]),
    "manual_resume": st.booleans(),
    "success_kw": st.sampled_from(["", "OK", "no"]),
    "filter_subject": st.booleans(),
    "tags": TAGS,
}
CHECKS = fields({}, {**CHECK_FIELDS, "timeout": SECONDS}) | fields(
    {"schedule": SCHEDULES}, {**CHECK_FIELDS, "tz": ZONES}
)
MONITOR_FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "interval_seconds": st.none() | st.integers(1, 86_400),
    "timeout_seconds": st.none() | st.integers(1, 120),
    "confirmations": st.none() | st.integers(1, 10),
    "confirm_interval_seconds": st.none() | st.sampled_from([0.5, 10.0, 60]),
    "dependency_wait_seconds": st.integers(0, 3_600),
    "families": st.sampled_from(["any", "either", "each"]),
    "apdex_threshold_ms": st.none() | st.integers(1, 60_000),
    "paused": st.booleans(),
    "published": st.booleans(),
}
MONITORS = (
    fields(
        {"url": st.sampled_from(["https://a.example", "http://B.example:8080/x?y=1"])},
        {
            **MONITOR_FIELDS,
            "type": st.just("http"),
            "keyword": st.sampled_from(["", "ready", "no"]),
            "expected_statuses": st.lists(st.sampled_from([200, 202, 299]), max_size=3),
            "headers": st.just({"X-Key": "secret", "Accept": "1.10"}),
            "follow_redirects": st.booleans(),
            "method": st.sampled_from(["GET", "POST"]),
        },
    )
    | fields({"type": st.just("tcp"), "host": st.just("db.example"), "port": st.integers(1, 65_535)}, MONITOR_FIELDS)
    | fields({"type": st.just("dns"), "host": st.just("a.example")}, {**MONITOR_FIELDS, "dns_record": st.just("MX")})
)
WINDOWS = fields(
    {"schedule": SCHEDULES, "duration_minutes": st.integers(1, 10_080)}, {"timezone": ZONES, "tags": TAGS}
) | fields(
    {"starts_at": st.just("2026-03-01T10:00:00+02:00"), "ends_at": st.just("2026-03-01T12:00:00Z")}, {"tags": TAGS}
)


STEPS = st.lists(st.integers(1, 10_080), max_size=3, unique=True).map(sorted)
LOOKS: Mapping[str, st.SearchStrategy[Any]] = {
    "description": NAMES,
    "accent": st.sampled_from(["", "#1f6f54", "#ABCDEF"]),
    "domain": st.sampled_from(["", "status.example.org", "Bücher.example."]),
    "sections": st.lists(
        fields({"title": TEXT}, {"description": st.just("") | TEXT, "collapsed": st.booleans()}),
        max_size=2,
        unique_by=lambda one: one["title"],
    ),
}


def _some(things: Mapping[str, Any]) -> st.SearchStrategy[list[str]]:
    """A few of their keys."""
    return st.lists(st.sampled_from(sorted(things)), max_size=2, unique=True) if things else st.just([])


COMPONENT_WORDS = fields({}, {"name": TEXT, "group": TEXT})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose references name what is in it."""
    document: dict[str, Any] = {
        "channels": draw(st.dictionaries(NAMES.map(lambda name: name[:50]), CHANNELS, max_size=3)),
        "checks": draw(st.dictionaries(SLUGS, CHECKS, max_size=3)),
        "monitors": draw(st.dictionaries(NAMES, MONITORS, max_size=3)),
        "status_pages": draw(st.dictionaries(PAGE_SLUGS, fields({"title": NAMES}, LOOKS), max_size=2)),
        "maintenance": draw(st.dictionaries(NAMES, WINDOWS, max_size=2)),
        "escalations": draw(
            st.dictionaries(NAMES, fields({}, {"repeat": st.none() | st.integers(0, 1_000)}), max_size=2)
        ),
    }
    if draw(st.booleans()):
        document["managed_by"] = draw(st.sampled_from(["shop", "1", "default"]))
    some = {section: _some(document[section]) for section in ("channels", "checks", "monitors")}
    before: list[str] = []
    for thing in (*document["checks"].values(), *document["monitors"].values()):
        if draw(st.booleans()):
            thing["channels"] = draw(some["channels"])
    for name, monitor in document["monitors"].items():
        if draw(st.booleans()) and before:
            monitor["depends_on"] = [draw(st.sampled_from(before))]
        before.append(name)
    for slug, page in document["status_pages"].items():
        if page.get("domain"):  # which no two pages have; tests/unit/test_declared_domains.py has those that move
            page["domain"] = f"{slug}.{page['domain']}"
        parts = [{"monitor": name} for name in draw(some["monitors"])] + [
            {"check": key} for key in draw(some["checks"])
        ]
        page["components"] = [part | draw(COMPONENT_WORDS) for part in parts]
    for window in document["maintenance"].values():
        window |= {section: draw(some[section]) for section in ("monitors", "checks")}
    for policy in document["escalations"].values():
        policy |= {section: draw(some[section]) for section in ("monitors", "checks")}
        policy["steps"] = [
            {"after_minutes": after, "own_channels": True, "channels": draw(some["channels"])} for after in draw(STEPS)
        ]
    return document


def declared(document: Mapping[str, Any]) -> Declarations:
    return judged([Source(dict(document), no_place)])


def carried_out(planned: Plan, present: list[Present]) -> list[Present]:
    """What is there when a plan is done."""
    things = {one.id: one for one in present}
    ids = dict(planned.ids)
    for step in planned.steps:
        if step.declared is None:
            assert step.present is not None
            del things[step.present.id]
            continue
        id = step.present.id if step.present else derived_id("declared", f"{step.section}/{step.key}")
        ids[step.section, step.key] = id
        there: Fields = {"password": None} if step.section == "status_pages" else {}
        if step.section == "monitors":
            there["paused"] = False
        if step.present is not None:
            there |= {name: step.present.fields[name] for name in ("paused", "password") if name in step.present.fields}
        wanted = with_references(step.declared.fields, lambda _, section, name: ids[section, name])
        label = step.managed_by if step.managed_by is not None else step.present.managed_by if step.present else ""
        things[id] = Present(section=step.section, key=step.key, fields=there | wanted, id=id, managed_by=label)
    return list(things.values())


@settings(max_examples=30)
@given(documents())
def test_apply_export_apply_changes_nothing(document: dict[str, Any]) -> None:
    declarations = declared(document)
    present = carried_out(plan(declarations, [], NOW), [])
    assert len(present) == len(declarations.things)
    assert plan(declarations, present, NOW).steps == ()
    exported = export(present, present)
    assert exported.left_out == ()
    assert SECRET not in exported.text
    environment = dict.fromkeys(exported.variables, SECRET)
    again = loaded([("exported.yml", exported.text.encode())], environment=environment)
    assert plan(again, present, NOW, Options(prune=True)).steps == ()
    twice = carried_out(plan(again, [], NOW), [])
    assert sorted(twice, key=lambda one: one.id) == sorted(present, key=lambda one: one.id)
    assert export(twice, twice) == exported


@settings(max_examples=30)
@given(documents(), documents(), st.booleans())
def test_what_is_applied_last_counts(first: dict[str, Any], second: dict[str, Any], prune: bool) -> None:
    second = second | {"managed_by": first.get("managed_by", "default")}
    # A type cannot be changed.
    second["channels"] |= {name: first["channels"][name] for name in second["channels"] if name in first["channels"]}
    present = carried_out(plan(declared(first), [], NOW), [])
    declarations = declared(second)
    after = carried_out(plan(declarations, present, NOW, Options(prune=prune)), present)
    assert plan(declarations, after, NOW, Options(prune=prune)).steps == ()
    keys = {(one.section, one.key) for one in after}
    assert keys >= {(one.section, one.key) for one in declarations.things}
    if prune:
        assert len(keys) == len(declarations.things)
    kept = {(one.section, one.key): one.id for one in present}
    assert all(kept.get((one.section, one.key), one.id) == one.id for one in after)


@settings(max_examples=30)
@given(documents(), st.randoms())
def test_prune_removes_only_what_its_own_set_made(document: dict[str, Any], chance: Random) -> None:
    present = [
        replace(one, managed_by=chance.choice(["one", "two", ""]))
        for one in carried_out(plan(declared(document), [], NOW), [])
    ]
    for name in ("one", "two", "three"):
        pruned = plan(declared({"managed_by": name}), present, NOW, Options(prune=True))
        assert {step.sign for step in pruned.steps} <= {"-"}
        gone = {step.present.id for step in pruned.steps if step.present}
        assert gone == {one.id for one in present if one.managed_by == name}
    assert plan(declared({"managed_by": "one"}), present, NOW).steps == ()
