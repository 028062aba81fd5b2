"""The kinds of channels: each is whole, is found by its name everywhere, and keeps to itself."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from processors.projects.channels import endpoint_of
from processors.sender.attempts import SENDS
from query_api import channel_fields
from schemas.base import encode
from schemas.channels.kind import STORED_BY_KIND, ChannelKind, InvalidChannelField, enumerated
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import MessageKind
from schemas.channels.webhook import Webhook
from schemas.definitions import Channel, Project
from schemas.deliveries import Endpoint
from schemas.notices import NOTICES
from schemas.published import schema_of
from tests import channels_page
from tests.source_tree import Module, modules, parse

PROJECT = Project(id="p", name="P", ping_key="k", created=0, webhook_secret="sealed for the project")
KINDS = list(CHANNEL_KINDS.values())


def channel(kind: str, **fields: object) -> Channel:
    return Channel(id="c", project="p", kind=kind, url="https://hooks.example/x", created=0, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_whole(kind: ChannelKind) -> None:
    assert type(kind).__module__ == f"schemas.channels.{kind.name}"
    assert set(kind.notices) <= set(NOTICES)
    assert {kind.url_field, kind.secret_field} - {""} <= set(kind.config.__struct_fields__)
    assert ("secret" in kind.stored) == bool(kind.secret_field)
    assert kind.stored <= STORED_BY_KIND
    assert STORED_BY_KIND | kind.told <= set(Channel.__struct_fields__) & set(Endpoint.__struct_fields__)
    for fields in (kind.config, kind.form):
        assert all(field.default is UNSET for field in msgspec.structs.fields(fields)), "a field cannot be left out"
    assert kind.title
    assert kind.target_help


def test_every_kind_has_a_sender_and_none_is_left_over() -> None:
    """Messages of services have one for all of them; another kind has the module of its name."""
    assert set(SENDS) == set(CHANNEL_KINDS)
    for name, send in SENDS.items():
        is_message = isinstance(CHANNEL_KINDS[name], MessageKind)
        assert inspect.iscoroutinefunction(send)
        assert send.__module__ == ("processors.sender.messages" if is_message else f"processors.sender.channels.{name}")
        assert list(inspect.signature(send).parameters) == ["outgoing", "clients"]
    own = {name.rpartition(".")[2] for name in modules() if name.startswith("processors.sender.channels.")}
    assert own == {"sending", *(name for name, kind in CHANNEL_KINDS.items() if not isinstance(kind, MessageKind))}


def test_a_kind_is_found_by_its_module_alone() -> None:
    """Each module with an object `KIND` is one, in the order of the names; nothing else lists them."""
    found = [name.rpartition(".")[2] for name in modules() if name.startswith("schemas.channels.")]
    whole = [name for name in found if hasattr(import_module(f"schemas.channels.{name}"), "KIND")]
    assert list(CHANNEL_KINDS) == sorted(whole)
    assert {kind.listed_as for kind in KINDS} & set(CHANNEL_KINDS) == set(), "a name of two kinds"


def test_the_kinds_are_those_of_the_published_schemas() -> None:
    for value_type in (Channel, Endpoint):
        schema = schema_of(value_type)["$defs"][value_type.__name__]
        assert schema["properties"]["kind"]["enum"] == sorted(CHANNEL_KINDS)


def test_an_unknown_kind_is_no_event() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'pigeon'"):
        msgspec.json.decode(encode(channel("webhook")).replace(b'"webhook"', b'"pigeon"'), type=Channel)


def test_the_bytes_of_a_channel_without_options_are_those_of_versions_before() -> None:
    assert encode(channel("webhook")) == (
        b'{"type":"channel","id":"c","project":"p","kind":"webhook","url":"https://hooks.example/x","created":0}'
    )
    assert b"options" not in encode(endpoint_of(channel("webhook"), PROJECT))


def test_an_endpoint_has_the_secret_and_the_options_of_its_channel() -> None:
    assert endpoint_of(channel("webhook"), PROJECT).secret == "sealed for the project"
    assert endpoint_of(channel("webhook", secret="own"), PROJECT).secret == "own"
    assert endpoint_of(channel("email", secret="own"), PROJECT).secret == ""
    assert endpoint_of(channel("webhook", options={"a": 1}), PROJECT).options == {"a": 1}


def test_kinds_whose_fields_differ_under_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Config(msgspec.Struct):
        url: Annotated[str, Meta(max_length=5)] | UnsetType = UNSET

    class Other(Webhook):
        name = "other"

    monkeypatch.setattr(Other, "config", Config)
    monkeypatch.setattr(channel_fields, "CHANNEL_KINDS", {**CHANNEL_KINDS, "other": Other()})
    with pytest.raises(AssertionError, match="differ in what 'url' is"):
        channel_fields.body_with("Body", msgspec.Struct, "config")


def test_a_kind_that_says_too_little_of_itself_is_none() -> None:
    class Silent(ChannelKind):
        name = "silent"

    with pytest.raises(TypeError, match="abstract"):
        Silent()  # type: ignore[abstract]


def test_a_field_of_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidChannelField, match="email is not of a channel of type 'webhook'"):
        channel_fields.must_fit(CHANNEL_KINDS["webhook"], ["name", "email"])
    channel_fields.must_fit(CHANNEL_KINDS["email"], ["name", "email", "events"])


@pytest.mark.parametrize(
    ("kind", "target", "shown"),
    [
        ("webhook", "https://hooks.example/x", {"url": "https://hooks.example/x"}),
        ("email", "a@b.example,c@d.example", {"email": "a@b.example,c@d.example", "unconfirmed": ["c@d.example"]}),
    ],
)
def test_where_a_channel_leads_is_given_and_told_in_one_text(kind: str, target: str, shown: dict[str, object]) -> None:
    found = CHANNEL_KINDS[kind]
    assert set(found.of_target(target)) <= set(found.form.__struct_fields__)
    told = found.target(shown)
    assert told.replace(" (unconfirmed)", "").replace(", ", ",") == target
    assert told.count("(unconfirmed)") == ("unconfirmed" in shown)


def test_names_are_put_in_a_row() -> None:
    assert enumerated(["a"], "or") == "a"
    assert enumerated(["a", "b", "c"], "or") == "a, b or c"


def test_the_page_of_the_channels_is_up_to_date() -> None:
    assert channels_page.PAGE.read_text() == channels_page.page(), "make docs"


def _asked_for(module: Module) -> Iterator[int]:
    """Lines that compare something with the name of a kind."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                values = [left, *others]
            case ast.MatchValue(value=value):
                values = [value]
            case _:
                continue
        inner = [each for value in values for each in getattr(value, "elts", [value])]
        if any(isinstance(each, ast.Constant) and each.value in CHANNEL_KINDS for each in inner):
            yield node.lineno


def test_nothing_but_a_kind_knows_its_name() -> None:
    of_kinds = ("schemas.channels.", "processors.sender.channels.")
    found = {name: list(_asked_for(module)) for name, module in modules().items() if not name.startswith(of_kinds)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text", ["x.kind == 'email'", "'webhook' != x", "x in ('a', 'ntfy')", "match x:\n case 'email': 1"]
)
def test_a_question_for_a_kind_is_seen(text: str) -> None:
    assert list(_asked_for(parse("x", text)))


@pytest.mark.parametrize("kind", CHANNEL_KINDS.values(), ids=lambda kind: kind.name)
def test_a_fold_judges_urls_without_tables_of_letters(kind: ChannelKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those change with the version of Python and of packages; what a fold has decided must not."""

    def table(*_: object) -> None:
        raise AssertionError("a table was asked")

    for name in ("urlsplit", "encoded_host", "host_in"):
        monkeypatch.setattr(f"schemas.channels.urls.{name}", table)
    for url in ("https://b\u00fccher.example", "https://svc.example:8443", "", "ftp://x", "http://"):
        known = Channel(id="c", project="p", kind=kind.name, created=0, url=url, secret="sealed")
        assert isinstance(kind.problem(known), str)
