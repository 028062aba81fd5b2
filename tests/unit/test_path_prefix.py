"""A path prefix of the public address: everything is served below it, whether a proxy takes it away or not."""

from typing import Any

import httpx
import pytest

from infra.settings.settings import Settings
from pingfold.roles.path_prefix import PathPrefix
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness

ID = "6f1c4f5e-8b9d-4c6e-9a53-2c1d1f0f4a11"


async def told(prefix: str, path: str, method: str = "GET") -> tuple[int, str]:
    """What the application sees, or where the client is sent."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(PathPrefix(app, Settings(PINGFOLD_BASE_URL=f"https://h{prefix}").path_prefixes))
    async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
        answer = await client.request(method, path)
    return answer.status_code, seen[0]["path"] if seen else answer.headers["location"]


@pytest.mark.parametrize(
    ("prefix", "path", "seen"),
    [
        ("/up", f"/up/{ID}", f"/{ID}"),
        ("/up", f"/up/ping/{ID}/start", f"/ping/{ID}/start"),
        ("/up", f"/ping/{ID}", f"/ping/{ID}"),
        ("/up", "/up/api/v3/checks/", "/api/v3/checks/"),
        ("/up", "/up/", "/"),
        ("/up", "/", "/"),
        ("/up", "/upper/x", "/upper/x"),
        ("/up/pingfold", "/up/pingfold/status/a", "/status/a"),
        ("/up/pingfold", "/up/x", "/up/x"),
        ("/b%C3%BCro", "/büro/docs", "/docs"),
        ("/büro", "/b%C3%BCro/docs", "/docs"),
        ("/ping", f"/ping/ping/{ID}", f"/ping/{ID}"),
        ("/ping", f"/ping/{ID}", f"/{ID}"),
        ("/status", "/status/status/a-1234abcd", "/status/a-1234abcd"),
        ("/status", "/status/a-1234abcd", "/status/a-1234abcd"),
        ("/status", f"/status/ping/{ID}", f"/ping/{ID}"),
        ("/status", "/status/", "/"),
        ("/docs", "/docs/management", "/docs/management"),
    ],
)
async def test_a_prefix_is_taken_away_when_it_is_there(prefix: str, path: str, seen: str) -> None:
    assert await told(prefix, path) == (200, seen)


async def test_the_prefix_alone_leads_to_its_folder() -> None:
    assert await told("/büro", "/büro") == (308, "/b%C3%BCro/")
    assert await told("/up", "/up?a=b", "HEAD") == (308, "/up/?a=b")
    assert await told("/up", "/up", "POST") == (200, "/")


def test_prefixes_of_both_addresses() -> None:
    def of(base: str, endpoint: str | None = None) -> tuple[str, ...]:
        return Settings(PINGFOLD_BASE_URL=base, ping_endpoint=endpoint).path_prefixes

    assert of("https://h/") == of("https://h", "https://p/ping/") == of("https://h", "https://p") == ()
    assert of("https://h/up/", "https://p/here/ping") == ("/here", "/up")
    assert of("https://h/up", "https://p/up/p") == ("/up/p", "/up")


@pytest.mark.parametrize("strips", [True, False])
async def test_links_lead_below_the_prefix(strips: bool) -> None:
    """A check, its badge, its page, a status page and the documents, as a browser behind the proxy finds them."""
    base = "https://up.example/büro/pingfold"
    harness = Harness(public_url=base)
    app = PathPrefix(harness.app, harness.settings.path_prefixes)
    root = "https://up.example/b%C3%BCro/pingfold"

    async def get(url: str, **what: Any) -> httpx.Response:
        assert url.startswith(f"{root}/"), url
        path = httpx.URL(url).raw_path.decode()
        path = path.removeprefix(httpx.URL(root).raw_path.decode()) if strips else path
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://10.0.0.7:8000") as client:
            return await client.get(path, **what)

    check = (await harness.client.post("/api/v3/checks/", json={"name": "nightly"})).json()
    assert check["ping_url"] == f"{root}/ping/{check['uuid']}"
    assert check["update_url"] == f"{root}/api/v3/checks/{check['uuid']}"
    assert "<svg" in (await get(check["badge_url"])).text
    headers = dict(harness.client.headers)
    for name in ("update_url", "pause_url", "resume_url"):
        assert (await get(check[name], headers=headers)).status_code in (200, 405)
    auth = ("", ADMIN_PASSWORD)
    assert f'href="/b%C3%BCro/pingfold/checks/{check["uuid"]}"' in (await get(f"{root}/", auth=auth)).text
    page = (await get(f"{root}/checks/{check['uuid']}", auth=auth)).text
    assert '<a href="/b%C3%BCro/pingfold/">' in page
    assert f"<code>{root}/ping/{check['uuid']}</code>" in page
    key = {"Authorization": f"Bearer {POP_KEY}"}
    made = await harness.client.post("/api/v1/status-pages", json={"title": "Example"}, headers=key)
    url = made.json()["data"]["url"]
    assert f'href="/b%C3%BCro/pingfold{url.removeprefix(root)}.atom"' in (await get(url)).text
    assert (await get(f"{url}.json")).json()["page"]["url"] == url
    assert f'href="{url}"' in (await get(f"{url}.atom")).text
    document = (await get(f"{root}/openapi.json")).json()
    assert document["servers"] == [{"url": root}]
    assert f"{root}/api/" in (await get(f"{root}/docs/poppaping")).text
