"""Upserts and first pings, however many and in any order: one check for each slug and each unique key."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold.contract import Session
from processors.fold.view import View
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.requests import (
    CheckCreate,
    CheckFields,
)
from schemas.schedules import Simple
from tests.project_histories import (
    FIRST,
    OWNER,
    START,
    Event,
    Watched,
    decisions,
    records,
    single_pass,
    words,
)


@settings(max_examples=20)
@given(st.integers(2, 4), st.randoms(use_true_random=False), st.integers(1, 9))
def test_a_hundred_first_pings_make_one_check(slugs: int, random: Any, batch: int) -> None:
    first_pings: list[Event] = [
        (
            OWNER,
            CheckCreate(
                request="r",
                at=START,
                id=derived_id("ping", n),
                fields=CheckFields(slug=f"s{n % slugs}"),
                provision=True,
            ),
        )
        for n in range(100 * slugs)
    ]
    random.shuffle(first_pings)
    journal = records(FIRST + first_pings)
    session = Session(Watched(), 0, View())
    effects = [e for at in range(0, len(journal), batch) for e in session.step(journal[at : at + batch])]
    verdicts = decisions(effects)[len(FIRST) :]
    assert Counter(verdict.outcome for verdict in verdicts) == {"made": slugs, "found": 99 * slugs}
    checks = [record for _, record in session.view.items() if isinstance(record, Check)]
    assert sorted(check.slug for check in checks) == [f"s{n}" for n in range(slugs)]
    assert {verdict.id for verdict in verdicts} == {check.id for check in checks}


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_upserts_and_renames_never_leave_two_of_a_name(random: Any) -> None:
    upserts: list[Event] = [
        (
            OWNER,
            CheckCreate(
                request="r",
                at=START + n,
                id=derived_id("upsert", n),
                fields=CheckFields(name=f"n{n % 3}", desc=str(n)),
                unique=("name",),
            ),
        )
        for n in range(60)
    ]
    random.shuffle(upserts)
    final, _, _ = single_pass(records(FIRST + upserts))
    assert sorted(record.name for record in final.values() if isinstance(record, Check)) == ["n0", "n1", "n2"]


# What an upsert may say beside its unique fields, and how a check follows it.
upsert_fields = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "tags": st.sampled_from(["", "x"])},
    optional={
        "desc": words,
        "expression": st.sampled_from(["0 2 * * *", "0 3 * * *"]),
        "tz": st.sampled_from(["UTC", "Europe/Riga"]),
        "slug_when_renamed": st.sampled_from(["a", "b"]),
    },
)


def followed(before: dict[str, Any] | None, fields: dict[str, Any]) -> dict[str, Any]:
    """A check as a plain reading of an upsert would have it."""
    after = before or {"desc": "", "expression": None, "tz": None, "slug": "", "name": ""}
    if "slug_when_renamed" in fields and fields["name"] != after["name"]:
        after = after | {"slug": fields["slug_when_renamed"]}
    after = after | {"name": fields["name"], "desc": fields.get("desc", after["desc"])}
    if "expression" in fields:
        after = after | {"expression": fields["expression"], "tz": fields.get("tz", after["tz"] or "UTC")}
    elif after["expression"] is not None:
        after = after | {"tz": fields.get("tz", after["tz"])}
    return after


@given(st.lists(upsert_fields, min_size=1, max_size=12), st.sampled_from([("name",), ("name", "tags"), ("tags",)]))
def test_any_interleaving_of_upserts_gives_one_check_for_each_unique_key(
    upserts: list[dict[str, Any]], unique: tuple[Any, ...]
) -> None:
    events: list[Event] = [
        (
            OWNER,
            CheckCreate(request="r", at=START, id=derived_id("upsert", n), fields=CheckFields(**fields), unique=unique),
        )
        for n, fields in enumerate(upserts)
    ]
    final, effects, _ = single_pass(records([FIRST[0], *events]))
    expected: dict[tuple[str, ...], dict[str, Any]] = {}
    for fields in upserts:
        key = tuple(fields[field] for field in unique)
        expected[key] = followed(expected.get(key), fields)
    checks = {
        tuple(getattr(check, field) for field in unique): check for check in final.values() if isinstance(check, Check)
    }
    assert sum(isinstance(record, Check) for record in final.values()) == len(checks) == len(expected)
    for key, check in checks.items():
        schedule = check.schedule
        cron = (None, None) if isinstance(schedule, Simple) else (schedule.expression, schedule.tz)
        want = expected[key]
        assert (check.name, check.desc, check.slug, *cron) == (
            want["name"], want["desc"], want["slug"], want["expression"], want["tz"],
        )  # fmt: skip
    outcomes = Counter(verdict.outcome for verdict in decisions(effects)[1:])
    assert outcomes["made"] == len(expected)
    assert outcomes["updated"] == len(upserts) - len(expected)
