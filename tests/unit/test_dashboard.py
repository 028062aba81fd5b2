"""The dashboard, in memory: for nobody without the admin password, and everything is on it."""

import dataclasses
from base64 import b64encode

import pytest

from query_api.web import dashboard
from query_api.web.viewer import viewer
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.poppaping_client import V1, with_key

PATHS = ["/", "/checks/00000000-0000-4000-8000-000000000000"]


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("auth", [("admin", ""), ("admin", "open Sesame"), ("admin", "ü")])
async def test_without_the_password_there_is_nothing_to_see(harness: Harness, path: str, auth: tuple[str, str]) -> None:
    answer = await harness.client.get(path, auth=auth)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("wanted", ["schl\u00fcssel", "schlu\u0308ssel", "\u9375"])
@pytest.mark.parametrize("shown", ["schl\u00fcssel".encode(), "schlu\u0308ssel".encode(), b"schl\xfcssel"])
async def test_a_password_outside_ascii_opens_it(wanted: str, shown: bytes) -> None:
    """Composed or not, in UTF-8 or latin-1."""
    shown = wanted.encode() if wanted == "\u9375" else shown
    harness = Harness()
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, admin_password=wanted)
    header = {"Authorization": f"Basic {b64encode(b'me:' + shown).decode()}"}
    assert (await harness.client.get("/", headers=header)).status_code == 200
    header = {"Authorization": f"Basic {b64encode(b'me:' + shown + b'x').decode()}"}
    assert (await harness.client.get("/", headers=header)).status_code == 401


def test_no_page_is_without_it() -> None:
    """Whatever pages there will be."""
    routes = [route for route in Harness().app.routes if getattr(route, "endpoint", None) in _endpoints()]
    assert len(routes) == len(_endpoints())
    for route in routes:
        assert viewer in [one.call for one in route.dependant.dependencies]  # type: ignore[attr-defined]


def _endpoints() -> list[object]:
    return [route.endpoint for route in dashboard.router.routes]  # type: ignore[attr-defined]


async def test_checks_and_monitors_are_on_it(harness: Harness) -> None:
    auth = ("", ADMIN_PASSWORD)
    assert "No checks yet" in (await harness.client.get("/", auth=auth)).text
    check = (await harness.client.post("/api/v3/checks/", json={"name": "nightly <job>"})).json()["uuid"]
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    body = {"name": "Shop & more", "url": "https://shop.example.com/", "confirmations": 1}
    monitor = (await harness.client.post("/api/v1/monitors", json=body, headers=headers)).json()["data"]["id"]
    page = (await harness.client.get("/", auth=auth)).text
    assert "nightly &lt;job&gt;" in page
    assert "Shop &amp; more" in page
    assert ">pending<" in page
    harness.log.probe(monitor, ok=False)
    page = (await harness.client.get("/", auth=auth)).text
    assert ">down<" in page
    assert "Connection timed out: after 30 s" in page
    assert "nightly &lt;job&gt;" in (await harness.client.get(f"/checks/{check}", auth=auth)).text


async def test_channels_that_are_sent_nothing_are_shown() -> None:
    harness = with_key(Harness())
    id, _ = harness.make_channel("quiet"), harness.make_channel("loud")
    page = (await harness.client.get("/", auth=("", ADMIN_PASSWORD))).text
    assert "Channels that are sent nothing" not in page
    answer = await harness.client.patch(f"{V1}/alert-channels/{id}", json={"mute_until": "forever"})
    assert answer.status_code == 200, answer.text
    page = (await harness.client.get("/", auth=("", ADMIN_PASSWORD))).text
    assert "<td><bdi>quiet</bdi></td><td>webhook</td><td>muted</td>" in page
    assert "loud" not in page
