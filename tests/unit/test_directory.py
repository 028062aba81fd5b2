"""The directory of checks against a plain model: whatever definitions come and go, it tells the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.log.directory import Directory
from schemas.base import encode
from schemas.definitions import Check, definition_key
from schemas.ids import derived_id

IDS = [derived_id("test", "check", str(number)) for number in range(6)] + ["by-hand"]
PROJECTS = ("p", derived_id("test", "project"))
SLUGS = ("", "a", "b")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.none() | st.fixed_dictionaries({"project": st.sampled_from(PROJECTS), "slug": st.sampled_from(SLUGS)}),
    ),
    max_size=40,
)


@given(changes=CHANGES)
def test_definitions_come_change_and_go(changes: list[tuple[str, dict[str, Any] | None]]) -> None:
    directory, model = Directory(), dict[str, Check]()
    for version, (id, fields) in enumerate(changes):
        if fields is None:
            directory.apply(0, f"check/{id}", None)
            model.pop(id, None)
            continue
        check = Check(id=id, version=version, created=version, channels=("hook", IDS[0]), **fields)
        if id in model and model[id].project != check.project:
            del model[id]  # last in its new project
        directory.apply(0, definition_key(check), encode(check))
        model[id] = check
    assert len(directory) == len(model)
    assert set(directory.check_ids()) == set(model)
    for id in IDS:
        assert (id in directory) == (id in model)
        assert directory.check(id) == model.get(id)
    for project in PROJECTS:
        assert list(directory.checks_of(project)) == [check for check in model.values() if check.project == project]
        for slug in ("a", "b"):
            found = directory.by_slug(project, slug)
            expected = [id for id, check in model.items() if (check.project, check.slug) == (project, slug)]
            assert sorted(found) == sorted(expected)
    assert directory.by_slug(PROJECTS[0], "") == ()


def test_many_that_left_leave_no_room_taken() -> None:
    directory = Directory()
    for number in range(1_000):
        id = derived_id("test", "left", str(number))
        directory.apply(0, f"check/{id}", encode(Check(id=id, project="p", version=1, created=0, slug=f"s-{number}")))
        if number >= 10:
            gone = derived_id("test", "left", str(number - 10))
            directory.apply(0, f"check/{gone}", None)
    assert len(directory) == 10
    assert len(directory._checks_of["p"].ids) <= 21
    assert len(directory._slugs["p"]) == 10
