"""A public API is one object: another one is served, with errors and headers of its own, by being listed."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Request, Response

from query_api.app import APIS, create_app
from query_api.dependencies import dependencies_of
from query_api.http.public_api import PublicApi
from query_api.http.refusals import json_answer
from query_api.keys import NoSuchKey, find_key, key_text
from query_api.poppaping.limits import RateLimits
from schemas.definitions import ApiKey
from tests.harness import POP_KEY, WRITE_KEY, Harness

LARGE = b"x" * 2**20
router = APIRouter()


class NotAllowed(Exception):
    """Of this API alone."""


def form(status: int, words: str | None, headers: dict[str, str] | None = None) -> Response:
    return json_answer({"lamp": words}, status, headers)


async def not_allowed(_: Request, error: NotAllowed) -> Response:
    return form(403, str(error))


async def caller(request: Request) -> ApiKey:
    text = key_text(request.headers.get("authorization"), request.headers.get("x-api-key")) or ""
    try:
        return await find_key(dependencies_of(request), request.scope, text, ("healthchecks",))
    except NoSuchKey:
        raise NotAllowed("whose lamp is this?") from None


@router.get("/lamps")
async def lamps(request: Request, key: Annotated[ApiKey, Depends(caller)]) -> dict[str, Any]:
    return {"project": key.project, "bulbs": request.app.state.bulbs}


@router.post("/lamps")
async def light(request: Request) -> dict[str, int]:
    return {"length": len(await request.body())}


@router.get("/lamps/{number}")
async def lamp(number: int) -> dict[str, int]:
    return {"number": number}


LAMPS: PublicApi = PublicApi(
    name="lamps",
    prefixes=("/api/v1", "/api"),
    routers=(router,),
    error_form=form,
    handlers={NotAllowed: not_allowed},
    exposed_headers=("X-Lamp",),
    state=lambda deps: {"bulbs": deps.partitions},
    layers=lambda deps: (lambda app: RateLimits(app, deps, 1_000, LAMPS.speaks),),
)


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def client(harness: Harness) -> httpx.AsyncClient:
    app = create_app(harness.app.state.deps, (*APIS, LAMPS))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pingfold.test")


@pytest.mark.parametrize("prefix", LAMPS.prefixes)
async def test_another_api_is_served(harness: Harness, client: httpx.AsyncClient, prefix: str) -> None:
    answer = await client.get(f"{prefix}/lamps", headers={"X-Api-Key": WRITE_KEY})
    assert (answer.status_code, answer.json()) == (200, {"project": harness.project, "bulbs": harness.log.partitions})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"].endswith(", X-Lamp")
    assert answer.headers["X-RateLimit-Limit"] == "1000"
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"][f"{prefix}/lamps"]) == {"get", "post"}
    assert (await client.options(f"{prefix}/lamps")).status_code == 204


async def test_every_error_has_its_form(client: httpx.AsyncClient) -> None:
    for method, path, body, status in [
        ("GET", "/api/lamps", None, 403),
        ("GET", "/api/v1/lamps/1/unknown", None, 404),
        ("GET", "/api/lamps/five", None, 400),
        ("POST", "/api/lamps", LARGE, 413),
    ]:
        answer = await client.request(method, path, content=body)
        assert (answer.status_code, set(answer.json())) == (status, {"lamp"}), path
    answer = await client.request("DELETE", "/api/lamps")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")


async def test_the_others_are_as_before(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v3/checks/", headers={"X-Api-Key": WRITE_KEY})
    assert (answer.status_code, answer.json()) == (200, {"checks": []})
    answer = await client.get("/api/v1/monitors", headers={"X-Api-Key": POP_KEY})
    assert answer.json()["data"] == []
    answer = await client.get("/api/v1/monitors")
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "X-Lamp" not in answer.headers.get("Access-Control-Expose-Headers", "")
    assert (await client.get("/api/v1/unknown")).json() == {"error": "not found"}


@pytest.mark.parametrize(
    ("path", "of"),
    [
        ("/api/v1/monitors", "poppaping"),
        ("/api/v1/monitors/", "poppaping"),
        ("/api/v1/maintenance-windows/x/y", "poppaping"),
        ("/api/v1/alerts", "poppaping"),
        ("/api/v3/monitors", None),
        ("/api/v1/monitorsx", None),
        ("/api/v1/checks/", "management"),
        ("/api/v3/checks/x/pings/", "management"),
        ("/api/v1/lamps", "lamps"),
        ("/api/lamps/1", "lamps"),
        ("/x/api/lamps", None),
        ("/", None),
    ],
)
def test_a_path_belongs_to_one_api(path: str, of: str | None) -> None:
    assert [api.name for api in (*APIS, LAMPS) if api.speaks(path)] == ([of] if of else [])
