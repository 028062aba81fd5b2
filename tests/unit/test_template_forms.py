"""Message templates are made, changed and previewed in the browser; what is wrong with one stands beside its field."""

import pytest

from schemas.message_templates import MessageTemplate
from tests.harness import Harness
from tests.people_world import member
from tests.web_browser import Browser, fields_of, form_of

HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def harness() -> Harness:
    return Harness()


def templates(harness: Harness) -> list[MessageTemplate]:
    return list(harness.log.directory.templates_of(harness.project))


async def made(harness: Harness, ann: Browser) -> MessageTemplate:
    path = f"/templates/new?project={harness.project}"
    typed = fields_of(await ann.get(path), path) | {"name": "Short", "title": "{{ project }}: {{ what }}"}
    typed |= {"events": ["monitor.down", "monitor.recovered"], "text": "{{ why }}\n{{ name }}"}
    answer = await ann.post(path, data=typed)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/templates?done=made")
    assert len(templates(harness)) == 1
    assert (await ann.post(path, data=typed)).status_code == 303, "a form that is sent twice makes one"
    [template] = templates(harness)
    return template


async def test_a_template_is_made_and_changed(harness: Harness) -> None:
    ann, channel = await member(harness, "editor"), harness.make_channel("hook")
    template = await made(harness, ann)
    assert (template.notices, template.text) == (("monitor.down", "monitor.recovered"), "{{ why }}\n{{ name }}")
    path = f"/templates/{template.id}/edit"
    page = await ann.get(path)
    assert channel not in page.text, "no words are sent to a webhook"
    same = await ann.post(path, data=fields_of(page, "/edit") | {"event": "monitor.recovered", "language": "de"})
    assert same.status_code == 303
    assert templates(harness) == [template], "a sample is no part of it"
    typed = fields_of(page, "/edit") | {"text": "Now: {{ status }}"}
    assert (await ann.post(path, data=typed)).status_code == 303
    [changed] = templates(harness)
    assert (changed.text, changed.title, changed.version) == ("Now: {{ status }}", template.title, 2)
    late = await ann.post(path, data=typed | {"text": "Mine"})
    assert late.status_code == 409
    assert "Somebody else has changed this meanwhile, to: Now: {{ status }}." in late.text
    assert "/templates/new?project=" in (await ann.get("/templates")).text


@pytest.mark.parametrize("where", ["new", "edit"])
async def test_a_preview_shows_what_it_makes_and_keeps_nothing(harness: Harness, where: str) -> None:
    ann = await member(harness, "editor")
    path = f"/templates/new?project={harness.project}"
    if where == "edit":
        path = f"/templates/{(await made(harness, ann)).id}/edit"
    before = templates(harness)
    typed = fields_of(await ann.get(path), path) | {"title": HOSTILE, "text": "{{ why }} in {{ project }}"}
    typed |= {"event": "monitor.recovered", "language": "de", "timezone": "Europe/Berlin", "preview": "1", "name": ""}
    shown = await ann.post(path, data=typed)
    assert shown.status_code == 200, shown.text
    assert "in main" in shown.text
    assert "<script>alert" not in shown.text
    assert shown.text.count("&lt;/pre&gt;&lt;script&gt;alert(1)") >= 3, "as title, as subject, and in the form"
    assert templates(harness) == before
    assert fields_of(shown, path)["text"] == "{{ why }} in {{ project }}"


@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("text", "one\n{{ wat }}", "Line 2: "),
        ("text", "{% if %}", "Line 1: "),
        ("title", "{{ what | nope }}", "Line 1: "),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_with_its_line(
    harness: Harness, field: str, text: str, said: str, button: dict[str, str]
) -> None:
    ann, path = await member(harness, "editor"), f"/templates/new?project={harness.project}"
    typed = fields_of(await ann.get(path), path) | {"name": "Wrong", field: text} | button
    refused = await ann.post(path, data=typed)
    assert refused.status_code == 400
    error = refused.text.partition(f'id="error-{field}">')[2].partition("</p>")[0]
    assert error.startswith(said), refused.text
    assert fields_of(refused, path)[field] == text
    assert templates(harness) == []


async def test_viewers_change_none(harness: Harness) -> None:
    template = await made(harness, await member(harness, "editor"))
    eve = await member(harness, "viewer", "eve@example.org")
    token = form_of((await eve.get("/sign-out")).text, "/sign-out")[1]
    for path in (f"/templates/new?project={harness.project}", f"/templates/{template.id}/edit"):
        assert (await eve.get(path)).status_code == 403
        assert (await eve.post(path, data=token | {"name": "x", "text": "y"})).status_code == 403
    assert "/edit" not in (await eve.get("/templates")).text
