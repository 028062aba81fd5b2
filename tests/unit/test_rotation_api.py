"""Rotating by REST, in the style of each API: who may, what is answered, and that a lost sealing key is no obstacle."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from infra.secrets.secrets import SecretError, Vault, of_channel, of_project
from infra.settings.settings import Settings
from schemas.base import SECOND
from schemas.definitions import Project
from schemas.ids import new_id
from schemas.requests import DAY
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, WRITE_KEY, Harness

V1, V3 = "/api/v1/alert-channels", "/api/v3/channels"
SECRETS = ("/api/v3/project/rotate-webhook-secret", "/api/v1/account/rotate-webhook-secret")
PING_KEY = "/api/v3/project/rotate-ping-key"
KEYS = {"/api/v3": WRITE_KEY, "/api/v1": POP_KEY}


@pytest.fixture
def api() -> Harness:
    return Harness()


async def post(api: Harness, path: str, body: Any = None, key: str | None = None) -> tuple[int, dict[str, Any]]:
    """Status and body; PoppaPing's without the envelope."""
    answer = await api.client.post(path, json=body, headers={"X-Api-Key": key or KEYS[path[:7]]})
    told: dict[str, Any] = answer.json() if answer.content else {}
    return answer.status_code, told.get("data", told)


def project(api: Harness) -> Project:
    return api.log.directory.projects[api.project]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


def overlap_in(path: str) -> str:
    return "overlap" if path.startswith("/api/v3") else "overlap_seconds"


@pytest.fixture(params=SECRETS)
def path(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def channel_path(api: Harness, style: str) -> str:
    return f"{V3 if style == 'v3' else V1}/{api.make_channel('ops')}/rotate-secret"


async def test_the_secret_of_a_project(api: Harness, path: str) -> None:
    before = project(api).webhook_secret
    status, told = await post(api, path)
    assert status == 200
    assert told["secret"].startswith("whsec_")
    assert at(told["former_until"]) == api.log.time + DAY * SECOND
    assert project(api).webhook_secret == f"sealed {told['secret'][::-1]}"
    assert [(one.secret, one.until) for one in project(api).former_webhook_secrets] == [
        (before, api.log.time + DAY * SECOND)
    ]
    status, told = await post(api, path, {overlap_in(path): 0, "secret": "of my own"})
    assert (status, told) == (200, {"secret": "of my own", "former_until": None})
    assert project(api).former_webhook_secrets == ()


@pytest.mark.parametrize("style", ["v1", "v3"])
async def test_the_secret_of_a_channel(api: Harness, style: str) -> None:
    where = channel_path(api, style)
    status, told = await post(api, where, {overlap_in(where): 3600})
    assert status == 200
    [channel] = api.log.directory.channels_of(api.project)
    assert channel.secret == f"sealed {told['secret'][::-1]}"
    assert at(told["former_until"]) == channel.former_secrets[0].until == api.log.time + 3600 * SECOND


async def test_the_ping_key(api: Harness) -> None:
    before = project(api).ping_key
    status, told = await post(api, PING_KEY, {"overlap": 60})
    assert status == 200
    assert at(told["former_until"]) == api.log.time + 60 * SECOND
    assert project(api).ping_key == told["ping_key"] != before
    directory, end = api.log.directory, api.log.time + 60 * SECOND
    assert directory.project_of_ping_key(before, end - 1) == api.project
    assert directory.project_of_ping_key(before, end) is None
    checks = await api.client.post("/api/v3/checks/", json={"name": "x", "slug": "x"})
    assert checks.status_code == 201


async def test_what_was_sealed_with_a_lost_key_is_replaced_at_once(
    api: Harness, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: str) -> str:
        raise SecretError("encrypted with another key")

    object.__setattr__(api.app.state.deps, "decrypt", lost)
    status, told = await post(api, path)
    assert (status, told["former_until"]) == (200, None)
    assert project(api).former_webhook_secrets == ()
    assert project(api).webhook_secret == f"sealed {told['secret'][::-1]}"
    for style in ("v1", "v3"):
        status, told = await post(api, channel_path(api, style))
        assert (status, told["former_until"]) == (200, None)


async def test_once_all_is_rotated_nothing_is_left_of_a_lost_sealing_key(api: Harness, tmp_path: Path) -> None:
    """With real vaults: what /readyz looks at finds nothing of the lost key, and the new secrets can be read."""
    lost, ours = (Vault.open(Settings(_env_file=None, data=tmp_path / name)) for name in ("lost", "ours"))
    paths = SECRETS[0], channel_path(api, "v3")
    for vault in (lost, ours):
        for name in ("encrypt", "decrypt"):
            object.__setattr__(api.app.state.deps, name, getattr(vault, name))
        told = [(await post(api, path))[1] for path in paths]
        assert vault.strangers(api.log.directory.secrets()) == ""
    assert lost.strangers(api.log.directory.secrets()).startswith("2 stored secrets were encrypted with another key")
    assert [one["former_until"] for one in told] == [None, None]
    [channel] = api.log.directory.channels_of(api.project)
    assert channel.secret is not None
    assert ours.decrypt(project(api).webhook_secret, of_project(api.project)) == told[0]["secret"]
    assert ours.decrypt(channel.secret, of_channel(channel.id)) == told[1]["secret"]


async def test_who_may_not(api: Harness, path: str) -> None:
    before = project(api)
    for where in (path, PING_KEY, channel_path(api, "v3"), channel_path(api, "v1")):
        of_this_api = READ_KEY if where.startswith("/api/v3") else "pp_live_" + "x" * 32
        for key in (of_this_api, WRITE_KEY if where.startswith("/api/v1") else POP_KEY):
            assert (await post(api, where, key=key))[0] == 401, where
    assert (await post(api, f"{V3}/{new_id()}/rotate-secret"))[0] == 404
    assert (await post(api, f"{V1}/{new_id()}/rotate-secret"))[0] == 404
    assert (await post(api, channel_path(api, "v3"), key=OTHER_KEY))[0] == 403
    assert (await post(api, channel_path(api, "v1"), key="p" * 32))[0] == 404
    assert project(api) == before


@pytest.mark.parametrize(
    "fields",
    [{"overlap": -1}, {"overlap": 30 * DAY + 1}, {"overlap": "1h"}, {"secret": "short"}, {"secret": 5}, {"x": 1}],
)
async def test_what_makes_no_rotation(api: Harness, fields: dict[str, Any]) -> None:
    before = project(api)
    for where in (*SECRETS, channel_path(api, "v3"), channel_path(api, "v1")):
        body = {overlap_in(where) if name == "overlap" else name: value for name, value in fields.items()}
        assert (await post(api, where, body))[0] == 400, where
    assert project(api) == before


async def test_rotated_too_often(api: Harness, path: str) -> None:
    answers = [(await post(api, path))[0] for _ in range(5)]
    assert answers == [200, 200, 200, 409, 409]


async def test_a_mailbox_has_no_secret() -> None:
    api = Harness(smtp_host="mail.example.org", smtp_from="a@b")
    _, made = await post(api, V1, {"channel_type": "email", "email": "ops@example.org"})
    assert (await post(api, f"{V1}/{made['id']}/rotate-secret"))[0] == 400
    assert (await post(api, f"{V3}/{made['id']}/rotate-secret"))[0] == 409


async def test_channels_in_detail(api: Harness) -> None:
    id = api.make_channel("ops")
    [plain] = (await api.client.get(f"{V3}/")).json()["channels"]
    assert set(plain) == {"id", "name", "kind"}
    [told] = (await api.client.get(f"{V3}/?details=1")).json()["channels"]
    assert (told["id"], told["url"], told["disabled"], told["disabled_at"]) == (id, "https://a.test/", False, None)
    assert "secret" not in told
    assert (await api.client.get(f"{V3}/?details=1", headers={"X-Api-Key": READ_KEY})).status_code == 401
