"""Whatever the OpenAPI document allows, and much that it does not: never a 5xx (docs/design.md, statement 6).

Each answer is as the document says, too. Ids that schemathesis makes up are nobody's: each request is also made of
something that is there. What is tried is made when the test runs: made while tests are collected, every process would
make it, and one would use it.
"""

from functools import cache
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.python.asgi import ASGIClient, get_client

from tests.conformance import Document
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.updown_client import UPDOWN_KEY, with_updown_keys


@cache
def _harness() -> Harness:
    return with_updown_keys(Harness())


@cache
def _document() -> Document:
    return Document(_harness().app)


@cache
def _schema() -> Any:
    whole = schemathesis.openapi.from_asgi("/openapi.json", _harness().app)
    whole.config.generation.update(with_security_parameters=False)  # keys that it makes up would be all that is refused
    return whole


@cache
def _client() -> ASGIClient:
    """One for all requests, which asks no environment for proxies: a third of what a request took."""
    app: Any = _harness().app  # FastAPI takes more than the library asks of it
    client = get_client(app).__enter__()
    client.trust_env = False
    return client


@pytest.fixture
def schema(request: pytest.FixtureRequest) -> Any:
    request.node._nodeid = request.node.nodeid  # schemathesis looks there, and pytest has it elsewhere by now
    return _schema()


SCHEMA = schemathesis.pytest.from_fixture("schema")
_BOUNDS = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

# What there is to read and to change of each kind, and how it is made.
_THINGS: dict[str, str] = {}
_NUMBERS = count()


@cache
def _make() -> dict[str, tuple[str, dict[str, Any]]]:
    channel = _harness().make_channel("phone")
    return {
        "/api/v1/monitors/": ("/api/v1/monitors", {"name": "site", "url": "https://site.example/"}),
        "/api/v1/alert-channels/": (
            "/api/v1/alert-channels",
            {"channel_type": "webhook", "url": "https://hooks.example/"},
        ),
        "/api/v1/status-pages/": ("/api/v1/status-pages", {"title": "Status"}),
        "/api/v1/on-call/": (
            "/api/v1/on-call",
            {"name": "Primary", "turns": [{"alert_channel_ids": [channel]}]},
        ),
        "/api/v1/maintenance-windows/": (
            "/api/v1/maintenance-windows",
            {"name": "nightly", "schedule": "0 2 * * *", "duration_minutes": 30},
        ),
        "/api/v3/checks/": ("/api/v3/checks/", {"name": "backup"}),
        "/api/v3/channels/": ("/api/v3/channels/", {"url": "https://hooks.example/"}),
        "/api/checks/": ("/api/checks", {"url": "https://site-{}.example/"}),
        "/api/status_pages/": ("/api/status_pages", {"checks": []}),
    }


# A test for each part of an API: what is made for its operations is let go when it ends, and none takes minutes.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the library itself
@SCHEMA.include(path_regex=r"^/api/v3/checks/").parametrize()
@_BOUNDS
def test_no_request_to_the_management_api_of_checks_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v3/(?!checks/)").parametrize()
@_BOUNDS
def test_no_request_to_the_rest_of_the_management_api_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v1/(account|monitors)").parametrize()
@_BOUNDS
def test_no_request_to_the_poppaping_api_of_monitors_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v1/(incidents|alert)").parametrize()
@_BOUNDS
def test_no_request_to_the_poppaping_api_of_incidents_and_channels_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v1/status-").parametrize()
@_BOUNDS
def test_no_request_to_the_poppaping_api_of_status_pages_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v1/(maintenance|reports)").parametrize()
@_BOUNDS
def test_no_request_to_the_poppaping_api_of_windows_and_reports_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/v1/on-call").parametrize()
@_BOUNDS
def test_no_request_to_the_poppaping_api_of_rotations_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@SCHEMA.include(path_regex=r"^/api/(?!v[0-9])").parametrize()
@_BOUNDS
def test_no_request_to_the_updown_api_is_a_fault_of_ours(case: Case[Any]) -> None:
    _try(case)


def _try(case: Case[Any]) -> None:
    """A request as it was made up, and one of something that is there."""
    _ask(case)
    kind = next((kind for kind in _make() if case.path.startswith(kind + "{")), None)
    if kind is not None:
        id = _THINGS.pop(kind, None) or _made(kind)
        case.path_parameters[case.path.removeprefix(kind).partition("}")[0][1:]] = id
        _ask(case)
        if case.method != "DELETE":
            _THINGS[kind] = id


def _made(kind: str) -> str:
    path, body = _make()[kind]
    named = {name: value.format(next(_NUMBERS)) for name, value in body.items() if isinstance(value, str)}
    made = _ask(_schema()[path]["POST"].Case(body=body | named, media_type="application/json"))
    assert made.status_code == 201, made.text
    thing = made.json().get("data", made.json())
    id: str = thing.get("id") or thing.get("token") or thing["ping_url"].rpartition("/")[2]
    return id


def _ask(case: Case[Any]) -> Any:
    ours = case.path.startswith("/api/v1/")
    key = WRITE_KEY if case.path.startswith("/api/v3/") else UPDOWN_KEY
    headers = {"Authorization": f"Bearer {POP_KEY}"} if ours else {"X-Api-Key": key}
    response = case.call(session=_client(), headers=headers, timeout=60)
    assert response.status_code < 500, response.text
    assert response.status_code != 401, response.text
    if ours and response.status_code >= 400:
        assert set(response.json()) == {"error", "message"}
    [media_type] = response.headers.get("content-type", [""])
    _document().check(
        case.method, case.formatted_path, response.status_code, response.headers, response.content, media_type
    )
    return response
