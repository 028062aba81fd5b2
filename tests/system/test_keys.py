"""Keys of a real Pingfold: rotated with an overlap, listed with their last use, revoked for every API."""

from collections.abc import Iterable

import httpx
import pytest
from standardwebhooks import Webhook

from infra.embedded.ports import HOST, free_port
from infra.secrets.secrets import hash_api_key
from schemas.topics import DEFINITIONS, KEY_USES
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def answers(urls: Iterable[str], key: str) -> list[int]:
    """What each process answers to whoever shows the key; 0 while it does not listen."""
    found = []
    for url in urls:
        try:
            answer = httpx.get(f"{url}/api/v3/checks/", headers={"X-Api-Key": key}, timeout=15.0, trust_env=False)
        except httpx.TransportError:
            found.append(0)
        else:
            found.append(answer.status_code)
    return found


def test_the_life_of_keys(pingfold: Pingfold, receiver: Receiver) -> None:
    project = pingfold.made("project", "create", "Rotating")
    of, first = ("--project", project["id"]), project["healthchecks_key"]

    # Ping keys: the former one is accepted beside the new one.
    check = pingfold.api("POST", "/checks/", {"name": "job", "slug": "job"}, key=first)
    assert check.status_code == 201, check.text
    answer = pingfold.api("POST", "/project/rotate-ping-key", {}, key=first)
    assert answer.status_code == 200, answer.text
    new_ping_key = answer.json()["ping_key"]
    for key in (project["ping_key"], new_ping_key):
        assert wait_until(lambda key=key: pingfold.get(f"/ping/{key}/job").text == "OK", what=key)  # type: ignore[misc]
    assert pingfold.credentials.ping_key not in (project["ping_key"], new_ping_key)  # another project's

    # Webhook secrets: what is sent during the overlap is signed with both.
    channel = pingfold.api("POST", "/channels/", {"url": receiver.url, "on_every_check": True}, key=first).json()
    rotated = pingfold.api("POST", f"/channels/{channel['id']}/rotate-secret", {}, key=first)
    assert rotated.status_code == 200, rotated.text
    id = check.json()["uuid"]
    pingfold.good_ping(id, "fail")
    notice = receiver.wait(id, "monitor.down")
    for secret in (project["webhook_secret"], rotated.json()["secret"]):
        assert Webhook(secret).verify(notice.body, {name.lower(): value for name, value in notice.headers.items()})

    # API keys: both work until the old one expires; a revoked one is refused; both are listed, with their last use.
    [old] = [one["id"] for one in pingfold.values(DEFINITIONS) if one.get("hash") == hash_api_key(first)]
    new = pingfold.made("key", "rotate", old, *of)
    wait_until(lambda: pingfold.api("GET", "/checks/", key=new["key"]).status_code == 200, what="the new key works")
    assert pingfold.api("GET", "/checks/", key=first).status_code == 200
    wait_until(lambda: {one["key"] for one in pingfold.values(KEY_USES)} >= {old, new["id"]}, what="uses")
    port = free_port()
    with pingfold.beside("api", "--slot", "9", PINGFOLD_PORT=str(port)):
        # Whoever serves it: this process, and one that has shown nothing to anybody yet.
        both = pingfold.url, f"http://{HOST}:{port}"
        wait_until(lambda: answers(both, new["key"]) == [200, 200], 60.0, "it opens both")
        revoked = pingfold.command("key", "revoke", new["id"], *of)
        assert revoked.returncode == 0, revoked.stderr
        wait_until(lambda: answers(both, new["key"]) == [401, 401], what="it is refused by both")
        assert answers(both, first) == [200, 200]
    told = {one["id"]: one for one in pingfold.made("key", "list", *of)}
    assert set(told) == {old, new["id"]}
    assert told[new["id"]]["revoked"]
    assert told[old]["expires"]
    assert told[old]["prefix"] == first[:8]
    assert all(one["last_used"] for one in told.values())
    # Seldom, however many requests there were.
    assert len([one for one in pingfold.values(KEY_USES) if one["key"] == old]) <= 3
