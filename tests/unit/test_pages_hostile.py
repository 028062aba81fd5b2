"""Text of others in every field of every page: it is shown as what it is, and nothing becomes of it."""

from urllib.parse import quote

import pytest

from schemas.base import SECOND
from schemas.ids import derived_id
from schemas.times import exact_iso
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.page_skeleton import Skeleton

AUTH = ("", ADMIN_PASSWORD)
TAME = "tame"
BY_PROJECT = {"channels", "keys", "escalations", "rotations", "projects", "new channel", "audit", "templates"}
# Without blanks, so that each is one tag, too.
CORPUS = [
    "<script>document.title='run'</script>",
    '"><img/src=x/onerror=alert(1)>',
    "'onmouseover='alert(1)'x='",
    "javascript:alert(1)",
    "</title></bdi></table><svg/onload=alert(1)>",
    "{{7*7}}{%raw%}{#x#}${7*7}",
    "&lt;b&gt;&amp;&#60;i&#62;<!--<![CDATA[",
    "\u202eevil\u2066\u200b\u0301\U0001f4a9",
]


class Story:
    """A project in which everything that can be named or said is `text`."""

    def __init__(self, text: str) -> None:
        self.harness, self.text = Harness(), text

    async def tell(self) -> dict[str, str]:
        """What pages there are, by what they are."""
        harness, log, text = self.harness, self.harness.log, self.text
        harness.make_project(text, {})
        harness.make_channel(text)
        body = {"name": text, "desc": text, "tags": text, "timeout": 60, "grace": 60, "channels": "*"}
        made = await harness.client.post("/api/v3/checks/", json=body)
        assert made.status_code == 201, made.text
        check = made.json()["uuid"]
        monitor = (await self._api("monitors", {"name": text, "url": "https://a.example/", "confirmations": 1}))["id"]
        said = {"ua": text, "body": text, "rid": "7d5bcb5c-5c4b-4a2e-8d4b-53b8b2c2a9f1", "remote_addr": text}
        for kind in ("start", "success", "start", "fail"):
            log.ping(check, kind, **said)
            log.tick(5)
        then = quote(exact_iso(log.now() - SECOND))
        for ok in (True, False):
            log.probe_next(monitor, ok, detail="" if ok else text, address=text)
        incidents = [log.states.state(check), log.monitor_states.state(monitor)]
        ids = [one.incident for one in incidents if one is not None]
        for id in ids:
            await self._api(f"incidents/{id}/acknowledge", {"by": text, "comment": text})
        more = await self._settings()
        return more | {
            "overview": "/", "search": "/?q=a&status=down", "wall": "/?wall=1", "check": f"/checks/{check}",
            "why check": f"/checks/{check}/why", "monitor": f"/monitors/{monitor}", "incidents": "/incidents",
            "why monitor": f"/monitors/{monitor}/why", "past": f"/past?at={then}",
            "what if": f"/checks/{check}/what-if",
            "what if compared": f"/monitors/{monitor}/what-if?confirmations=2&days=7",
            "its incidents": f"/incidents?thing={monitor}",
            "check's incident": f"/incidents/{ids[0]}", "monitor's incident": f"/incidents/{ids[1]}",
            "edit check": f"/checks/{check}/edit", "edit monitor": f"/monitors/{monitor}/edit",
            "delete check": f"/checks/{check}/delete", "new check": f"/checks/new?project={harness.project}",
            "downtime": f"/downtimes/{str(ids[1]).replace('-', '')[:24]}",
        }  # fmt: skip

    async def _settings(self) -> dict[str, str]:
        """What is set up in the project, and the pages of that."""
        text, project, named = self.text, self.harness.project, derived_id("project", self.text)
        [channel] = [one.id for one in self.harness.log.directory.channels_of(project) if one.name == text]
        times = {"starts_at": "2026-01-01T00:00:00+00:00", "ends_at": "2026-01-02T00:00:00+00:00"}
        window = (await self._api("maintenance-windows", {"name": text, "tags": [text], **times}))["id"]
        steps = [{"after_minutes": 5, "alert_channel_ids": [channel]}]
        policy = (await self._api("escalation-policies", {"name": text, "steps": steps}))["id"]
        template = await self._api(
            "message-templates", {"name": text, "title": f"{text.replace('{', '')} {{{{ what }}}}"}
        )
        turns = [{"name": text, "alert_channel_ids": [channel]}]
        rotation = (await self._api("on-call", {"name": text, "turns": turns}))["id"]
        return {
            "channels": "/channels", "channel": f"/channels/{channel}", "edit channel": f"/channels/{channel}/edit",
            "remove channel": f"/channels/{channel}/remove", "new channel": f"/channels/new?project={project}",
            "keys": "/keys", "new key": f"/keys/{named}/new", "maintenance": "/maintenance",
            "window": f"/maintenance/{window}", "edit window": f"/maintenance/{window}/edit",
            "new window": f"/maintenance/new?project={project}", "escalations": "/escalations",
            "edit policy": f"/escalations/{policy}/edit", "remove policy": f"/escalations/{policy}/remove",
            "rotations": "/rotations", "rotation": f"/rotations/{rotation}",
            "edit rotation": f"/rotations/{rotation}/edit", "override": f"/rotations/{rotation}/override",
            "templates": "/templates", "edit template": f"/templates/{template['id']}/edit",
            "remove template": f"/templates/{template['id']}/remove", "calendar": f"/rotations/{rotation}/calendar",
            "audit": f"/audit?project={project}", "projects": "/projects", "project": f"/projects/{named}",
        }  # fmt: skip

    async def _api(self, path: str, body: dict[str, object]) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {POP_KEY}"}
        answer = await self.harness.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        data: dict[str, str] = answer.json()["data"]
        return data

    async def pages(self) -> dict[str, Skeleton]:
        found = {}
        for name, path in (await self.tell()).items():
            answer = await self.harness.client.get(path, auth=AUTH)
            assert answer.status_code == 200, f"{name}: {answer.text}"
            found[name] = Skeleton(answer.text)
        return found


@pytest.mark.parametrize("text", CORPUS)
async def test_text_of_others_is_shown_and_nothing_else(text: str) -> None:
    tame, hostile = await Story(TAME).pages(), await Story(text).pages()
    for name, page in hostile.items():
        parts, known = page.parts, tame[name].parts
        # Projects stand in the order of their names.
        assert (sorted(parts) == sorted(known)) if name in BY_PROJECT else (parts == known), name
        assert page.active == tame[name].active, name
        assert all(one.startswith(("/", "?", "#main")) for one in page.addresses), name
        if name != "search":
            assert text in page.text, name


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize(
    "path",
    ["/?q={}&tag={}&project={}&status={}&page={}", "/incidents?q={}&thing={}&status={}&page={}",
     "/checks/{}", "/monitors/{}", "/checks/{}/why?at={}", "/checks/{}/pings/{}", "/live?thing={}&x={}",
     "/channels?done={}", "/channels/{}", "/channels/{}/edit", "/channels/new?project={}&kind={}",
     "/channels/new?kind={}", "/templates/{}/edit", "/templates/new?project={}", "/rotations/{}/calendar",
     "/keys/{}/new", "/keys/{}/{}/revoke", "/maintenance?month={}&project={}",
     "/maintenance/{}", "/maintenance/new?project={}", "/escalations/{}/edit", "/rotations/{}", "/projects/{}",
     "/audit?project={}&kind={}&thing={}&actor={}&range={}&before={}",
     "/past?at={}&q={}&range={}&tag={}&project={}&status={}&page={}", "/checks/{}/what-if?grace={}"],
)  # fmt: skip
async def test_what_stands_in_an_address_is_inert(path: str, text: str) -> None:
    harness = Harness()
    harness.app.state.streams.most = 0
    asked = path.replace("{}", quote(text, safe=""))
    answer = await harness.client.get(asked, auth=AUTH)
    assert answer.status_code in (200, 404, 503), answer.text
    if answer.headers["content-type"].startswith("text/html"):
        page = Skeleton(answer.text)
        assert [one[0] for one in page.active].count("script") == 1
        assert all(one.startswith(("/", "?", "#main")) for one in page.addresses)
