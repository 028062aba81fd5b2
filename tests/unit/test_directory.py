"""The directory of checks against a plain model: whatever definitions come and go, it tells the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.log.directory import Directory
from infra.log.names import ByToken
from schemas.base import encode
from schemas.definitions import Channel, Check, Definition, definition_key
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.status_pages import StatusPage
from schemas.tokens import thing_token

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


# ---- short names

# Of four characters and longer, and none.
TOKENS = ["", *(thing_token(number) for number in (0, 1, 2, 3, 4, 36**4, 36**4 + 1))]


@given(
    many=st.sampled_from([0, 2, 100]),
    changes=st.lists(st.tuples(st.sampled_from(TOKENS[1:]), st.sampled_from(["", "x", "y"])), max_size=30),
)
def test_ids_by_token_however_many_they_are(many: int, changes: list[tuple[str, str]]) -> None:
    table, model = ByToken(many), dict[str, str]()
    for token, id in changes:
        if id:
            table.put(token, id)
            model[token] = id
        else:
            table.remove(token)
            model.pop(token, None)
    strange = ["", "A000", "zzz", "-001", "+12z", "1_00", "٣٣٣٣", " 3yr", "3yr1x", "éééé"]
    assert [table.get(token) for token in (*TOKENS, *strange)] == [model.get(token) for token in (*TOKENS, *strange)]


def named(kind: str, id: str, token: str) -> Definition:
    if kind == "check":
        return Check(id=id, project="p", version=1, created=0, token=token)
    if kind == "monitor":
        return Monitor(id=id, project="p", version=1, created=0, revised=0, name="m", token=token)
    if kind == "status-page":
        return StatusPage(id=id, project="p", version=1, created=0, revised=0, title="t", token=token)
    return Channel(id=id, project="p", kind="webhook", url="", created=0, number=TOKENS.index(token))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["check", "monitor", "status-page", "channel"]),
            st.integers(0, 2),
            st.booleans(),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_things_are_found_by_their_short_names(changes: list[tuple[str, int, bool, bool]]) -> None:
    """Each id of a kind has one token for ever, perhaps only after a while; checks and monitors share the tokens."""
    directory, model = Directory(), dict[str, Definition]()
    for kind, number, has_name, is_there in changes:
        id = derived_id(kind, number)
        token = TOKENS[1 + number + 3 * (kind == "monitor")]
        key = f"{kind}/{id}"
        before = model.get(key)
        thing = named(kind, id, token if has_name or (before is not None and before == named(kind, id, token)) else "")
        if is_there:
            directory.apply(0, key, encode(thing))
            model[key] = thing
        else:
            directory.apply(0, key, None)
            model.pop(key, None)
    for kind in ("check", "monitor", "status-page", "channel"):
        for number in range(3):
            id = derived_id(kind, number)
            token = TOKENS[1 + number + 3 * (kind == "monitor")]
            thing, known = named(kind, id, token), model.get(f"{kind}/{id}")
            expected = thing if known == thing else None
            if kind in ("check", "monitor"):
                assert directory.by_token(token) == expected
                assert directory.id_of_token(token) == (id if expected else None)
            elif kind == "status-page":
                assert directory.page_by_token(token) == expected
            else:
                assert directory.channel_by_number(TOKENS.index(token)) == expected
    assert directory.by_token("") is None
    assert directory.page_by_token("") is None
    assert directory.channel_by_number(0) is None
