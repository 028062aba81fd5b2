"""Channels, status pages and windows of maintenance: what a GET gave is taken when it is sent back."""

from typing import Any

import pytest

from query_api.poppaping.maintenance_bodies import UpdateMaintenanceWindowBody
from query_api.poppaping.status_pages import UpdateStatusPageBody
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.ids import is_uuid
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_client import V1
from tests.sending_back import SETTINGS, Api, data
from tests.services import SERVICES, config_of
from tests.updown_client import with_updown_keys


@pytest.fixture
def harness() -> Harness:
    made = with_updown_keys(Harness(**SETTINGS))
    del made.client.headers["X-Api-Key"]
    return made


CHANNELS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://hooks.example/x?sp=%2Fa&x=()", "secret": "a secret of mine"},
    "email": {"addresses": ["ops@example.org", "night@example.org"]},
    "ntfy": {"server": "https://ntfy.example", "topic": "alerts", "token": "tk_1"},
    "updown": {"url": "https://hooks.example/u", "timezone": "Europe/Paris"},
    "apprise": {"apprise_url": "gotifys://push.example.org/AbCdEfGhIjKlMnO"},
    **{kind: config_of(kind) for kind in SERVICES},
}


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_channel(harness: Harness, kind: str) -> None:
    api = Api(harness, POP_KEY)
    for events in (None, ["monitor.down"]):
        body = {"channel_type": kind, "name": "Ops", "events": events} | CHANNELS[kind]
        path = f"{V1}/alert-channels/{(await api.made(f'{V1}/alert-channels', body))['id']}"
        await api.sent_back(path)
        read = await api.read(path)
        for name, value in read.items():
            if name not in ("name", "events", "digest", "quiet_hours", "mute_until", "repeat_minutes"):
                other = not value if isinstance(value, bool) else "2001-01-01T00:00:00+00:00"
                answer = await api.change(path, {name: other})
                assert (answer.status_code, f"'{name}' cannot be set" in answer.text) == (400, True), answer.text
        assert "by themselves" in (await api.change(path, {"config": {}})).json()["message"]


async def test_a_status_page(harness: Harness) -> None:
    api = Api(harness, POP_KEY)
    monitor = await api.made(f"{V1}/monitors", {"name": "Shop", "url": "https://shop.test/"})
    check = data(
        await harness.client.post("/api/v3/checks/", json={"name": "Backup"}, headers={"X-Api-Key": WRITE_KEY}), 201
    )
    assert is_uuid(check["uuid"])
    samples: dict[str, Any] = {
        "title": "Our services",
        "slug": "ours",
        "description": "How they are",
        "components": [
            {"type": "monitor", "id": monitor["id"], "name": "The shop", "group": "Web"},
            {"type": "check", "id": check["uuid"]},
        ],
        "password": "open sesame",
        "managed_by": "billing",
        "sections": [{"title": "Web", "description": "What customers see", "collapsed": True}],
        "logo": "data:image/png;base64,iVBORw0KGgoAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
        "accent": "#1b5e9b",
        "domain": "status.example.org",
    }
    assert set(samples) == set(UpdateStatusPageBody.__struct_fields__)
    for name in samples:
        body = {"title": "Status", "slug": f"of-{name.replace('_', '-')}"} | {name: samples[name]}
        path = f"{V1}/status-pages/{(await api.made(f'{V1}/status-pages', body))['id']}"
        read = await api.sent_back(path, "updated_at")
        await api.read_only(path, UpdateStatusPageBody, "status")
        for component in read["components"]:
            odd = [component | {"shown_as": "Something else"}]
            assert (await api.change(path, {"components": odd})).status_code == 400
            renamed = [component | {"name": "New", "current_status": "down"}]
            assert data(await api.change(path, read | {"components": renamed}))["components"][0]["shown_as"] == "New"
            data(await api.change(path, read))


@pytest.mark.parametrize(
    "times",
    [
        {"starts_at": "2030-01-01T00:00:00+00:00", "ends_at": "2030-01-01T01:00:00+00:00"},
        {"starts_at": "2020-01-01T00:00:00+00:00", "ends_at": "2020-01-01T01:00:00+00:00"},
        {"schedule": "0 2 * * *", "duration_minutes": 30},
        {"schedule": "Mon..Fri 02:00", "duration_minutes": 30, "timezone": "Europe/Berlin"},
    ],
)
async def test_a_window(harness: Harness, times: dict[str, Any]) -> None:
    api = Api(harness, POP_KEY)
    monitor = await api.made(f"{V1}/monitors", {"name": "Shop", "url": "https://shop.test/"})
    for monitors in ([], [monitor["id"]]):
        path = f"{V1}/maintenance-windows"
        path += f"/{(await api.made(path, {'name': 'Upgrade', 'monitor_ids': monitors} | times))['id']}"
        read = await api.sent_back(path, "updated_at")
        # Whose it is shows only of what a set of declarations has made.
        assert set(read) >= {*UpdateMaintenanceWindowBody.__struct_fields__} - {"managed_by"}
        await api.read_only(path, UpdateMaintenanceWindowBody, "active")
        data(await api.change(path, {"monitor_ids": None}))
        assert (await api.read(path))["monitor_ids"] == []
