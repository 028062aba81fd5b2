"""No secret ever stands in an entry of the audit trail, whatever is asked for, and whoever asks."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from processors.fold.audit import changes_of, command_of
from processors.fold.contract import Context, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.actors import Actor
from schemas.base import SECOND, Fact, encode
from schemas.definitions import ApiKey, Channel, Definition, Project
from schemas.monitors import Monitor, ProbeTarget
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelDisabled,
    ChannelFields,
    ChannelUpdate,
    KeyCreate,
    KeyRevoke,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    ProjectCreate,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
    StatusPageUpdate,
)
from schemas.transitions import ThingChanged

NOW = 1_700_000_000 * SECOND
OWNER = str(UUID(int=1))
# Stands in every secret, and nowhere else.
MARK = "S3CRET"

secrets = st.text("abcdef/?#&=@:% ", max_size=12).map(lambda text: f"{MARK}{text}{MARK}")
hosts = st.sampled_from(["a.test", "b.test:8443", "[2001:db8::1]"])
users = st.one_of(st.just(""), st.text("ab:%", max_size=4).map(lambda text: f"{MARK}{text}@"))
ends = st.one_of(st.just(""), st.sampled_from("?#").flatmap(lambda mark: secrets.map(lambda text: f"{mark}{text}")))
probed = st.builds(lambda user, host, end: f"https://{user}{host}/health{end}", users, hosts, ends)
hooks = st.builds(lambda user, host, path: f"https://{user}{host}/{path}", users, hosts, secrets)
odd = st.sampled_from(["https://[", f"{MARK}", f"//{MARK}@", f"https://{MARK}\\@a.test/{MARK}", f"a:{MARK}"])

channel_ids, key_ids, monitor_ids, page_ids = (
    st.integers(first, first + 1).map(lambda number: str(UUID(int=number))) for first in (20, 30, 40, 50)
)
channels = st.builds(
    Channel, id=channel_ids, project=st.just(OWNER), kind=st.just("webhook"), url=st.one_of(hooks, odd),
    created=st.just(0), name=st.sampled_from(["", "ops"]), secret=st.one_of(st.none(), secrets),
)  # fmt: skip
keys = st.builds(
    ApiKey, id=key_ids, project=st.just(OWNER), kind=st.just("healthchecks"), hash=secrets, prefix=secrets,
    created=st.just(0), name=st.just("CI"),
)  # fmt: skip
targets = st.builds(ProbeTarget, url=probed, sealed=st.one_of(st.just(""), secrets))
new_monitors = st.builds(MonitorFields, name=st.sampled_from(["a", "b"]), target=targets)
pages = st.builds(StatusPageFields, title=st.sampled_from(["a", "b"]), password=st.one_of(st.just(""), secrets))
channel_fields = st.builds(
    ChannelFields, url=st.one_of(st.just(UNSET), hooks), secret=st.one_of(st.just(UNSET), st.none(), secrets)
)
command: dict[str, Any] = {
    "request": st.just("r"),
    "at": st.just(NOW),
    "actor": st.one_of(st.none(), st.builds(Actor, kind=st.just("api_key"), key=st.just("k"))),
}
commands = st.one_of(
    st.builds(KeyCreate, **command, key=keys),
    st.builds(KeyRevoke, **command, id=key_ids),
    st.builds(ChannelCreate, **command, channel=channels, on_every_check=st.booleans()),
    st.builds(ChannelUpdate, **command, id=channel_ids, fields=channel_fields),
    st.builds(ChannelDelete, **command, id=channel_ids),
    st.builds(ChannelDisabled, channel=channel_ids, at=st.just(NOW), because=secrets),
    st.builds(MonitorCreate, **command, id=monitor_ids, fields=new_monitors),
    st.builds(MonitorUpdate, **command, id=monitor_ids, fields=new_monitors),
    st.builds(MonitorDelete, **command, id=monitor_ids),
    st.builds(StatusPageCreate, **command, id=page_ids, fields=pages),
    st.builds(StatusPageUpdate, **command, id=page_ids, fields=pages),
    st.builds(StatusPageDelete, **command, id=page_ids),
)
projects = st.builds(
    Project, id=st.just(OWNER), name=st.just("P"), ping_key=secrets, created=st.just(0), webhook_secret=secrets
)


@given(projects, st.lists(keys, max_size=2, unique_by=lambda key: key.id), st.lists(commands, max_size=30))
def test_no_command_puts_a_secret_into_the_audit_trail(
    project: Project, own: list[ApiKey], asked: Sequence[Fact]
) -> None:
    first = ProjectCreate(request="r", at=NOW, project=project, keys=tuple(own))
    journal = [Record(n, 0, OWNER.encode(), encode(event)) for n, event in enumerate([first, *asked])]
    effects = Session(Projects(), 0, View()).step(journal)
    entries = [encode(effect.value) for effect in effects if isinstance(effect.value, ThingChanged)]
    assert len(entries) >= 1 + len(own)
    assert [entry for entry in entries if MARK.encode() in entry] == []


class Later(Monitor, tag="monitor", frozen=True):
    """A definition as a later version may have it: with fields that nobody has said anything of."""

    password: str = ""
    tokens: tuple[str, ...] = ()


@given(st.sampled_from([*get_args(Definition), Later]), st.data())
def test_a_field_of_which_nobody_said_that_it_is_none_is_taken_for_a_secret(
    kind: type[Fact], data: st.DataObject
) -> None:
    known: dict[str, Any] = {"id": OWNER, "name": "n", "tokens": (MARK,), "ping_key": MARK}
    known |= {"webhook_secret": MARK, "secret": MARK, "hash": MARK, "prefix": MARK, "password": MARK, "site": MARK}
    known |= {"title": "t", "kind": "k"}
    known |= {"target": ProbeTarget(url=data.draw(probed), sealed=MARK), "url": f"https://a.test/{MARK}"}
    fields = {field.name: known.get(field.name, UUID(int=1).hex) for field in structs.fields(kind)
              if field.required or field.name in known}  # fmt: skip
    thing = kind(**fields)
    view = View()
    view.put(f"thing/{known['id']}", thing)
    [effect] = changes_of(view, command_of(thing, None, known["id"], NOW), Context(0, 1, OWNER, 0, False))
    entry = effect.value
    assert isinstance(entry, ThingChanged)
    assert MARK.encode() not in encode(entry)
    hidden = {change.field for change in entry.changes if change.hidden}
    assert not isinstance(thing, Later) or {"password", "tokens", "target.sealed"} <= hidden
    assert msgspec.json.decode(encode(entry), type=ThingChanged).thing == entry.thing
