"""What the Management API takes and refuses, with the texts of docs/compatibility/management.md."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from processors.projects.check_fields import resolved
from processors.projects.index import RequestRejected
from query_api.healthchecks.check_bodies import CreateCheckBody
from query_api.healthchecks.fields import (
    RULES,
    InvalidBody,
    read,
    unique_fields,
    wanted,
    with_derived_slug,
)
from query_api.healthchecks.rejections import refusal_of
from schemas.definitions import Check
from schemas.requests import CheckFields
from schemas.schedules import Cron, OnCalendar, Simple

CHECK = Check(id="5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", project="p", version=1, created=0)
CRON_CHECK = Check(id=CHECK.id, project="p", version=1, created=0, schedule=Cron("0 2 * * *", "Europe/Oslo"))


def fields_of(body: dict[str, Any], current: Check | None = None, name_sets_slug: bool = False) -> CheckFields:
    """What a request comes to for a check; None: for a new one."""
    fields = wanted(read(body), makes=current is None, name_sets_slug=name_sets_slug)
    return CheckFields(**resolved(fields, current or CHECK))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"unknown": None, "api_key": "x"},
        {"name": "a" * 100},
        {"name": "😀" * 100},
        {"slug": ""},
        {"slug": "a-z_0-9"},
        {"tags": "x" * 500},
        {"desc": "x" * 20_000},
        {"timeout": 60, "grace": 31_536_000},
        {"late_limit": None, "run_limit": 60},
        {"schedule": "* * * * *"},
        {"schedule": "  5/15 * * * MON#2 "},
        {"schedule": "Mon..Fri 09:00\n*:0/30 Europe/Riga"},
        {"tz": "Asia/Kathmandu"},
        {"methods": "POST"},
        {"methods": ""},
        {"manual_resume": True, "filter_body": False},
        {"channels": "*"},
        {"start_kw": "k" * 200},
        {"unique": []},
        {"unique": ["name", "slug", "tags", "timeout", "grace"]},
    ],
)
def test_valid(body: dict[str, Any]) -> None:
    fields_of(body)


STRINGS = ["channels", "desc", "failure_kw", "name", "schedule", "slug", "start_kw", "subject", "subject_fail"]
STRINGS += ["success_kw", "tags", "tz"]
FLAGS = ["filter_subject", "filter_body", "filter_http_body", "filter_default_fail", "manual_resume"]
NUMBERS = ["timeout", "grace", "late_limit", "run_limit"]
KEYWORDS = ["failure_kw", "start_kw", "subject", "subject_fail", "success_kw"]


def each(names: list[str], values: list[Any], what: str) -> list[tuple[dict[str, Any], str]]:
    """One request for each name and value, with the error that it gets."""
    return [({name: value}, f"{name} {what}") for name in names for value in values]


INVALID: list[tuple[dict[str, Any], str]] = [
    *each(STRINGS, [None, 1, True, [], {}], "is not a string"),
    *each(STRINGS, ["a\0b"], "has unexpected value"),
    *each(FLAGS, [None, 1, 0, "true"], "is not a boolean"),
    *each(NUMBERS, ["60", 60.0, [], {}], "is not a number"),
    *each(["timeout", "grace"], [None], "is not a number"),
    *each(NUMBERS, [-1, True, False], "is too small"),
    *each(["timeout", "grace", "run_limit"], [59, 0], "is too small"),
    *each(NUMBERS, [31_536_001, 10**30], "is too large"),
    *each(KEYWORDS, ["k" * 201], "is too long"),
    *each(["name", "slug"], ["A" * 101], "is too long"),
    *each(["tags"], ["a" * 501], "is too long"),
    *each(["desc"], ["a" * 20_001], "is too long"),
    *each(["schedule"], ["*" * 101], "is too long"),
    *each(["slug"], ["A", "a b", "a\n", "é", "a.b", "٣"], "does not match pattern"),
    *each(["methods"], [None, "GET", "post", 1, [], {}], "has unexpected value"),
    *each(
        ["schedule"],
        ["", "   ", "0 0 31 2 *", "60 * * * *", "* * * * * *", "@daily", "2019-02-30", "surprise!"],
        "is not a valid cron or OnCalendar expression",
    ),
    *each(["tz"], ["", "Mars/Base", "../../etc/passwd", "europe/riga"], "is not a valid timezone"),
    *each(["unique"], [None, "name", {}, 1], "is not an array"),
    *(({"unique": [value]}, "an item in 'unique' has unexpected value") for value in list[Any](("desc", None, 1, {}))),
]


@pytest.mark.parametrize(("body", "error"), INVALID)
def test_invalid(body: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read(body)
    assert str(caught.value) == f"json validation error: {error}"


def test_only_the_first_error_in_the_order_of_the_anchor_is_told() -> None:
    with pytest.raises(InvalidBody, match="desc is not a string"):
        read({"tz": 1, "name": None, "desc": 1})


@given(st.dictionaries(st.sampled_from(sorted(RULES)), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
), max_size=4))  # fmt: skip
def test_anything_is_taken_or_refused(body: dict[str, Any]) -> None:
    try:
        said = read(body)
        wanted(said, makes=True, name_sets_slug=True)
        for check in (CHECK, CRON_CHECK):
            resolved(wanted(said, makes=False, name_sets_slug=True), check)
    except InvalidBody as invalid:
        error = str(invalid)
    else:
        return
    assert error.startswith("json validation error: ")


# ---- what it comes to


def test_what_is_not_said_is_not_set() -> None:
    assert fields_of({}) == CheckFields()
    assert fields_of({"name": "a", "grace": 60, "channels": ""}) == CheckFields(name="a", grace=60, channels="")
    assert fields_of({"late_limit": None, "run_limit": 90}) == CheckFields(late_limit=None, run_limit=90)


@pytest.mark.parametrize(
    ("body", "current", "schedule"),
    [
        ({"timeout": 60}, None, Simple(60)),
        ({"timeout": 60, "tz": "Asia/Tokyo"}, CRON_CHECK, Simple(60)),
        ({"timeout": 60, "schedule": "* * * * *"}, None, Cron("* * * * *", "UTC")),
        ({"schedule": "* * * * *", "tz": "Europe/Kiev"}, None, Cron("* * * * *", "Europe/Kyiv")),
        ({"schedule": "* * * * *"}, CHECK, Cron("* * * * *", "UTC")),
        ({"schedule": "daily"}, CRON_CHECK, OnCalendar("daily", "Europe/Oslo")),
        ({"tz": "Asia/Tokyo"}, CRON_CHECK, Cron("0 2 * * *", "Asia/Tokyo")),
        ({"tz": "Asia/Tokyo"}, CHECK, UNSET),
        ({"tz": "Asia/Tokyo"}, None, UNSET),
    ],
)
def test_schedules(body: dict[str, Any], current: Check | None, schedule: object) -> None:
    assert fields_of(body, current).schedule == schedule


def test_a_schedule_without_a_run_in_its_time_zone_is_refused() -> None:
    skipped = "2024-03-10 02:30"  # a local time that New York did not have
    assert fields_of({"schedule": skipped}).schedule == OnCalendar(skipped, "UTC")
    current = Check(id=CHECK.id, project="p", version=1, created=0, schedule=OnCalendar(skipped, "UTC"))
    with pytest.raises(InvalidBody, match="schedule is not a valid cron or OnCalendar expression"):
        fields_of({"schedule": skipped, "tz": "America/New_York"})
    with pytest.raises(RequestRejected) as caught:
        fields_of({"tz": "America/New_York"}, current)
    answer = refusal_of(caught.value.rejection)
    assert (answer.status, answer.error) == (
        400,
        "json validation error: schedule is not a valid cron or OnCalendar expression",
    )


def test_versions_1_and_2_make_the_slug_from_a_new_name() -> None:
    named = Check(id=CHECK.id, project="p", version=1, created=0, name="Old Name", slug="chosen")
    assert fields_of({"name": "New Name"}, None).slug is UNSET
    assert fields_of({"name": "New Name"}, None, name_sets_slug=True).slug == "new-name"
    assert fields_of({"name": "New Name"}, named, name_sets_slug=True).slug == "new-name"
    assert fields_of({"name": "New Name", "slug": "x"}, named, name_sets_slug=True).slug == "x"
    assert fields_of({"name": "Old Name"}, named, name_sets_slug=True).slug is UNSET


def test_slugs_from_names_do_not_take_a_chosen_one() -> None:
    assert with_derived_slug({"name": "New Name", "slug": "x"}) == {"name": "New Name", "slug": "new-name"}
    assert with_derived_slug({"slug": "x", "tags": "t"}) == {"tags": "t"}


def test_subjects_are_old_names_of_keywords() -> None:
    assert fields_of({"subject": "ok"}) == CheckFields(success_kw="ok", filter_subject=True)
    assert fields_of({"subject_fail": ""}) == CheckFields(failure_kw="", filter_subject=False)
    failing = Check(id=CHECK.id, project="p", version=1, created=0, failure_kw="bad")
    assert fields_of({"subject": ""}, failing) == CheckFields(success_kw="", filter_subject=True)
    said = {"subject": "a", "success_kw": "b", "filter_subject": False}
    assert fields_of(said) == CheckFields(success_kw="b", filter_subject=False)


def test_unique_counts_only_when_all_of_its_fields_are_given() -> None:
    assert unique_fields({"unique": ("name",), "name": "a"}) == ("name",)
    assert unique_fields({"unique": ("name", "slug"), "name": "a"}) == ()
    assert unique_fields({"name": "a"}) == ()
    assert read({"unique": ["name", "name"]})["unique"] == ("name",)


def test_the_published_schema_has_the_fields_that_are_read() -> None:
    assert {*CreateCheckBody.__struct_fields__} == {*RULES, "api_key"}
