"""A request may ask that no other monitor of its project has the same target; the `projects` fold decides."""

import pytest

from processors.projects.index import ProjectIndex
from schemas.decisions import Decision
from schemas.ids import new_id
from schemas.monitors import MonitorKind, ProbeTarget
from schemas.rejections import RejectionCode
from schemas.requests import MonitorCreate, MonitorDelete, MonitorFields, MonitorUpdate
from schemas.targets import place_of
from tests.projects_desk import Desk

SHOP = "https://shop.example.com/"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def create(desk: Desk, url: str, unique: bool = True) -> Decision:
    fields = MonitorFields(name="m", target=ProbeTarget(url=url))
    return desk.ask(MonitorCreate(request=new_id(), at=desk.at, id=new_id(), fields=fields, unique_target=unique))


def change(desk: Desk, id: str, url: str, unique: bool = True) -> Decision:
    fields = MonitorFields(target=ProbeTarget(url=url))
    return desk.ask(MonitorUpdate(request=new_id(), at=desk.at, id=id, fields=fields, unique_target=unique))


def test_the_second_one_is_refused(desk: Desk) -> None:
    first = create(desk, SHOP)
    second = create(desk, "http://SHOP.example.com")
    assert (second.outcome, second.code, second.detail) == ("refused", RejectionCode.TARGET_TAKEN, "shop.example.com")
    assert create(desk, SHOP, unique=False).outcome == "made"
    other = create(desk, f"{SHOP}basket")
    assert other.outcome == "made"
    assert change(desk, other.id, SHOP).code is RejectionCode.TARGET_TAKEN
    assert change(desk, first.id, f"{SHOP}basket/").code is RejectionCode.TARGET_TAKEN


def test_a_monitor_is_not_its_own_rival(desk: Desk) -> None:
    made = create(desk, SHOP)
    assert change(desk, made.id, "http://shop.example.com").outcome == "updated"


def test_what_is_gone_is_free(desk: Desk) -> None:
    first, second = create(desk, SHOP), create(desk, f"{SHOP}basket")
    desk.ask(MonitorDelete(request=new_id(), at=desk.at, id=first.id))
    assert change(desk, second.id, SHOP).outcome == "updated"
    assert create(desk, f"{SHOP}basket").outcome == "made"
    assert create(desk, SHOP).code is RejectionCode.TARGET_TAKEN


def test_a_restart_knows_the_same(desk: Desk) -> None:
    create(desk, SHOP)
    made = create(desk, f"{SHOP}basket")
    change(desk, made.id, f"{SHOP}cart")
    index = ProjectIndex(desk.session.view)
    assert [len(index.with_target(desk.project, f"shop.example.com{path}")) for path in ("", "/basket", "/cart")] == [
        1,
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("kind", "target", "place"),
    [
        ("http", ProbeTarget(url="https://A.example/B?c=d#e"), "a.example/B?c=d"),
        ("http", ProbeTarget(url="http://a.example:8080/"), "a.example:8080"),
        ("http", ProbeTarget(url="http://[::1]:99999/"), "http://[::1]:99999/"),
        ("http", ProbeTarget(url="http://u:p@[::1]:080"), "::1:80"),
        ("http", ProbeTarget(url="http://[::1"), "http://[::1"),
        ("http", ProbeTarget(url="http://a.example:?b"), "a.example?b"),
        # Of ASCII letters only: tables of others change with the version of Python.
        ("http", ProbeTarget(url="http://B\u00dcCHER.example/"), "b\u00dccher.example"),
        ("http", ProbeTarget(url="http://\u2100.example/A"), "\u2100.example/A"),  # NFKC has a slash in it
        ("tcp", ProbeTarget(host="A\u00dc.example", port=25), "tcp://a\u00dc.example:25"),
        ("tcp", ProbeTarget(host="A.example", port=25), "tcp://a.example:25"),
        ("icmp", ProbeTarget(host="a.example"), "icmp://a.example:0"),
    ],
)
def test_places(kind: MonitorKind, target: ProbeTarget, place: str) -> None:
    assert place_of(kind, target) == place
