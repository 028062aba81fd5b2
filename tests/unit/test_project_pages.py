"""What the `projects` fold decides about status pages."""

from typing import Any

import pytest

from infra.log.directory import Directory
from schemas.base import SECOND, encode
from schemas.decisions import Decision
from schemas.definitions import Project, definition_key
from schemas.ids import new_id
from schemas.monitors import ProbeTarget
from schemas.requests import (
    CheckDelete,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    ProjectCreate,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
    StatusPageUpdate,
)
from schemas.status_pages import Component, StatusPage
from tests.projects_desk import NOW, Desk


class PagesDesk(Desk):
    """Asks for status pages, too."""

    def page(self, id: str) -> StatusPage | None:
        page = self.session.view.get(f"status-page/{id}")
        assert page is None or isinstance(page, StatusPage)
        return page

    def make(self, id: str = "", **fields: Any) -> Decision:
        fields = {"title": "T"} | fields
        return self.ask(
            StatusPageCreate(request=new_id(), at=self.at, id=id or new_id(), fields=StatusPageFields(**fields))
        )

    def change(self, id: str, **fields: Any) -> Decision:
        return self.ask(StatusPageUpdate(request=new_id(), at=self.at, id=id, fields=StatusPageFields(**fields)))

    def remove(self, id: str) -> Decision:
        return self.ask(StatusPageDelete(request=new_id(), at=self.at, id=id))

    def monitor(self) -> str:
        fields = MonitorFields(name="m", target=ProbeTarget(url="http://x/"))
        return self.ask(MonitorCreate(request=new_id(), at=self.at, id=new_id(), fields=fields)).id


@pytest.fixture
def desk() -> PagesDesk:
    return PagesDesk()


def test_a_page_is_made_changed_and_removed(desk: PagesDesk) -> None:
    monitor, check = desk.monitor(), desk.create().id
    components = (Component(kind="monitor", id=monitor, name="Web", group="G"), Component(kind="check", id=check))
    made = desk.make(slug="s", description="d", components=components, password="hash")
    assert (made.outcome, made.version) == ("made", 1)
    page = desk.page(made.id)
    assert page == StatusPage(
        id=made.id, project=desk.project, version=1, created=NOW, revised=NOW, title="T", slug="s", description="d",
        components=components, password="hash",
    )  # fmt: skip
    desk.at = NOW + SECOND
    assert desk.change(made.id, title="U", password="").version == 2
    page = desk.page(made.id)
    assert page is not None
    assert (page.title, page.password, page.components, page.revised) == ("U", "", components, NOW + SECOND)
    desk.at = NOW + 2 * SECOND
    assert desk.change(made.id, title="U").version == 2
    assert desk.page(made.id) == page
    assert len(desk.effects) == 1  # the verdict: no journal works with pages
    assert desk.remove(made.id).outcome == "removed"
    assert desk.page(made.id) is None
    assert desk.remove(made.id).reason == "no such status page"


def test_a_page_is_made_once(desk: PagesDesk) -> None:
    id = new_id()
    assert desk.make(id).outcome == "made"
    assert desk.make(id, title="other").outcome == "found"
    page = desk.page(id)
    assert page is not None
    assert page.title == "T"


def test_a_page_has_a_title_and_a_uuid(desk: PagesDesk) -> None:
    untitled = StatusPageCreate(request="r", at=NOW, id=new_id(), fields=StatusPageFields())
    assert "title" in desk.refusal(untitled)
    assert "UUID" in desk.refusal(StatusPageCreate(request="r", at=NOW, id="x", fields=StatusPageFields(title="T")))


def test_components_are_things_of_the_project_when_they_are_named(desk: PagesDesk) -> None:
    other = new_id()
    project = Project(id=other, name="Q", ping_key="q", created=0, webhook_secret="sealed")
    desk.ask(ProjectCreate(request="r", at=NOW, project=project), owner=other)
    monitor, check = desk.monitor(), desk.create().id
    for component in (
        Component(kind="monitor", id=new_id()),
        Component(kind="monitor", id=check),
        Component(kind="check", id=monitor),
    ):
        assert desk.make(components=(component,)).reason == f"no such component: {component.id}"
    id = new_id()
    fields = StatusPageFields(title="T", components=(Component(kind="monitor", id=monitor),))
    foreign = StatusPageCreate(request="r", at=NOW, id=id, fields=fields)
    assert desk.ask(foreign, owner=other).reason == f"no such component: {monitor}"
    assert desk.page(id) is None


def test_removing_a_thing_changes_no_page(desk: PagesDesk) -> None:
    monitor, check = desk.monitor(), desk.create().id
    components = (Component(kind="monitor", id=monitor), Component(kind="check", id=check))
    id = desk.make(components=components).id
    desk.ask(MonitorDelete(request="r", at=NOW, id=monitor))
    desk.ask(CheckDelete(request="r", at=NOW, id=check))
    assert desk.change(id, title="U").outcome == "updated"
    page = desk.page(id)
    assert page is not None
    assert page.components == components
    assert desk.change(id, components=components).reason == f"no such component: {monitor}"


def test_a_page_of_another_project_is_not_there(desk: PagesDesk) -> None:
    other = new_id()
    project = Project(id=other, name="Q", ping_key="q", created=0, webhook_secret="sealed")
    desk.ask(ProjectCreate(request="r", at=NOW, project=project), owner=other)
    id = desk.make().id
    update = StatusPageUpdate(request="r", at=NOW, id=id, fields=StatusPageFields(title="U"))
    assert desk.ask(update, owner=other).reason == "no such status page"
    assert desk.ask(StatusPageDelete(request="r", at=NOW, id=id), owner=other).reason == "no such status page"
    taking = StatusPageCreate(request="r", at=NOW, id=id, fields=StatusPageFields(title="U"))
    assert desk.ask(taking, owner=other).reason == "exists"


def test_the_directory_finds_pages_by_id_project_and_first_characters() -> None:
    directory = Directory()
    start = "0a1b2c3d"
    older = StatusPage(id=f"{start}{new_id()[8:]}", project="p", version=1, created=1, revised=1, title="older")
    newer = StatusPage(id=f"{start}{new_id()[8:]}", project="p", version=1, created=2, revised=2, title="newer")
    foreign = StatusPage(id=new_id(), project="q", version=1, created=0, revised=0, title="foreign")
    for page in (newer, older, foreign, older):
        directory.apply(0, definition_key(page), encode(page))
    assert directory.page(older.id) == older
    assert directory.pages_of("p") == directory.pages_at(start) == [older, newer]
    directory.apply(0, definition_key(older), None)
    directory.apply(0, definition_key(older), None)
    assert directory.pages_at(start) == [newer]
    directory.apply(0, definition_key(newer), None)
    assert directory.pages_at(start) == []
    assert directory.page(newer.id) is None
