"""Status pages through the updown API, in memory (docs/compatibility/updown.md, "Status pages")."""

from typing import Any

import pytest

from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.updown_client import OTHERS_KEY, UPDOWN_READ_KEY, fault, made, show, updown

PAGES = "/api/status_pages"
POPPAPING = {"Authorization": f"Bearer {POP_KEY}"}


@pytest.fixture
def harness() -> Harness:
    return updown()


async def page(harness: Harness, **parameters: Any) -> dict[str, Any]:
    answer = await harness.client.post(PAGES, json={"checks": []} | parameters)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def opened(harness: Harness, made: dict[str, Any], password: str = "") -> int:
    """The status of the page itself."""
    path = made["url"].removeprefix(harness.settings.base_url)
    auth = ("any", password) if password else None
    return (await harness.client.get(f"{path}.json", auth=auth)).status_code


async def tokens(harness: Harness, count: int) -> list[str]:
    return [(await made(harness, url=f"https://shop{n}.example.com"))["token"] for n in range(count)]


async def test_the_life_of_a_page(harness: Harness) -> None:
    first, second, third = await tokens(harness, 3)
    new = await page(harness, checks=[third, first], name="Shops", description="All\nof https://example.com/")
    assert list(new) == ["token", "url", "name", "description", "visibility", "access_key", "checks"]
    assert len(new["token"]) == 5
    assert (new["checks"], new["visibility"], new["access_key"]) == ([third, first], "public", None)
    assert (await harness.client.get(PAGES)).json() == [new]
    assert await opened(harness, new) == 200
    answer = await harness.client.put(f"{PAGES}/{new['token']}", data={"checks[]": [second, first, third]})
    assert (answer.status_code, answer.json()) == (200, new | {"checks": [second, first, third]})
    await harness.client.delete(f"/api/checks/{first}")
    assert (await harness.client.get(PAGES)).json()[0]["checks"] == [second, third]
    answer = await harness.client.delete(f"{PAGES}/{new['token']}")
    assert (answer.status_code, answer.json()) == (200, {"deleted": True})
    assert (await harness.client.get(PAGES)).json() == []
    assert fault(await harness.client.delete(f"{PAGES}/{new['token']}")) == (404, "Status page not found")


async def test_both_spellings(harness: Harness) -> None:
    answer = await harness.client.post("/api/status-pages/", json={"checks": []})
    assert (answer.status_code, answer.json()["name"]) == (201, "Status")
    path = f"/api/status-pages/{answer.json()['token']}"
    assert (await harness.client.put(path, json={"name": "Shops"})).json()["name"] == "Shops"
    assert (await harness.client.get("/api/status-pages")).json() == (await harness.client.get(PAGES)).json()
    assert (await harness.client.delete(f"{path}/")).json() == {"deleted": True}
    assert (await harness.client.get(f"{PAGES}/abcde")).status_code == 405


async def test_a_protected_page(harness: Harness) -> None:
    new = await page(harness, visibility="protected", access_key="open sesame")
    assert (new["visibility"], new["access_key"]) == ("protected", "open sesame")
    path = f"{PAGES}/{new['token']}"
    assert [await opened(harness, new, key) for key in ("", "wrong", "open sesame")] == [401, 401, 200]
    kept = (await harness.client.put(path, json={"name": "Shops", "visibility": "protected"})).json()
    assert kept == new | {"name": "Shops"}
    changed = (await harness.client.put(path, json={"access_key": "another"})).json()
    assert changed["access_key"] == "another"
    assert [await opened(harness, new, key) for key in ("open sesame", "another")] == [401, 200]
    public = (await harness.client.put(path, json={"visibility": "public"})).json()
    assert (public["visibility"], public["access_key"]) == ("public", None)
    assert await opened(harness, new) == 200


async def test_a_read_only_key_is_not_shown_the_access_key(harness: Harness) -> None:
    new = await page(harness, visibility="protected", access_key="open sesame")
    show(harness, UPDOWN_READ_KEY)
    answer = await harness.client.get(PAGES)
    assert answer.json() == [new | {"access_key": None}]
    assert "sesame" not in answer.text


async def test_a_key_that_nobody_chose(harness: Harness) -> None:
    keys = {(await page(harness, visibility="protected"))["access_key"] for _ in range(3)}
    assert len(keys) == 3
    assert min(map(len, keys)) >= 16


async def test_a_private_page(harness: Harness) -> None:
    new = await page(harness, visibility="private", access_key="no use")
    assert (new["visibility"], new["access_key"]) == ("private", None)
    assert [await opened(harness, new, key) for key in ("", "no use", ADMIN_PASSWORD)] == [401, 401, 200]
    [told] = (await harness.client.get("/api/v1/status-pages", headers=POPPAPING)).json()["data"]
    assert told["public"] is False


async def test_the_other_api_sets_a_password(harness: Harness) -> None:
    new = await page(harness, visibility="protected")
    [told] = (await harness.client.get("/api/v1/status-pages", headers=POPPAPING)).json()["data"]
    path = f"/api/v1/status-pages/{told['id']}"
    assert (await harness.client.patch(path, headers=POPPAPING, json={"password": "0123456789"})).is_success
    [seen] = (await harness.client.get(PAGES)).json()
    assert (seen["visibility"], seen["access_key"]) == ("protected", None)
    assert [await opened(harness, new, key) for key in (new["access_key"], "0123456789")] == [401, 200]
    assert (await harness.client.patch(path, headers=POPPAPING, json={"password": None})).is_success
    [seen] = (await harness.client.get(PAGES)).json()
    assert seen["visibility"] == "public"


async def test_names_of_components_are_kept(harness: Harness) -> None:
    [token] = await tokens(harness, 1)
    monitor = (await harness.client.get("/api/v1/monitors", headers=POPPAPING)).json()["data"][0]["id"]
    component = {"type": "monitor", "id": monitor, "name": "The shop", "group": "Shops"}
    body = {"title": "Status", "components": [component]}
    id = (await harness.client.post("/api/v1/status-pages", headers=POPPAPING, json=body)).json()["data"]["id"]
    [new] = (await harness.client.get(PAGES)).json()
    assert (new["name"], new["checks"]) == ("Status", [token])
    await harness.client.put(f"{PAGES}/{new['token']}", json={"checks": [token], "name": "Shops"})
    told = (await harness.client.get(f"/api/v1/status-pages/{id}", headers=POPPAPING)).json()["data"]
    assert told["components"][0] == told["components"][0] | {"name": "The shop", "group": "Shops"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Checks can't be blank"),
        ({"checks": ["zzzz"]}, 'Checks is not included in the list (given: ["zzzz"])'),
        ({"checks": "zzzz"}, 'Checks is not a list of texts (given: "zzzz")'),
        ({"checks": [], "visibility": "secret"}, 'Visibility is not included in the list (given: "secret")'),
        ({"checks": [], "name": "x" * 201}, "Name is too long (maximum is 200 characters)"),
        ({"checks": [str(n) for n in range(101)]}, "Checks has more than 100 entries"),
        ({"checks": [], "access_key": {}}, "Access key is not a text (given: {})"),
    ],
)
async def test_what_is_wrong_is_told(harness: Harness, said: dict[str, Any], words: str) -> None:
    status, error = fault(await harness.client.post(PAGES, json=said))
    assert (status, error[: len(words)]) == (400, words)
    assert (await harness.client.get(PAGES)).json() == []


async def test_one_look_for_all_that_is_unknown(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a hundred unknown tokens would wait for the end of the log a hundred times."""
    looks = []
    caught_up = harness.log.caught_up

    async def counted(timeout: float) -> bool:
        looks.append(timeout)
        return await caught_up(timeout)

    monkeypatch.setattr(harness.log, "caught_up", counted)
    known = await tokens(harness, 2)
    looks.clear()
    strangers = [f"z{n}" for n in range(50)]
    status, error = fault(await harness.client.post(PAGES, json={"checks": [known[0], *strangers, known[1]]}))
    assert (status, len(looks)) == (400, 1)
    assert all(token in error for token in ("z0", "z1"))
    assert known[0] not in error


async def test_whose_page_it_is(harness: Harness) -> None:
    [token] = await tokens(harness, 1)
    new = await page(harness, checks=[token])
    show(harness, UPDOWN_READ_KEY)
    assert (await harness.client.get(PAGES)).json() == [new]
    assert fault(await harness.client.post(PAGES, json={"checks": []}))[0] == 403
    show(harness, OTHERS_KEY)
    assert (await harness.client.get(PAGES)).json() == []
    for method in ("PUT", "DELETE"):
        assert fault(await harness.client.request(method, f"{PAGES}/{new['token']}"))[0] == 404
    assert fault(await harness.client.post(PAGES, json={"checks": [token]}))[0] == 400
