"""The pages in docs/compatibility/ name what the APIs have: answers, fields, routes, codes of errors, plans."""

import ast
import re

import pytest

from infra.settings.settings import Settings
from ingest.ping.responses import PingResponses
from query_api.app import APIS
from query_api.http.public_api import PublicApi
from query_api.pages.api_reference import reference
from query_api.plans import PLANS
from tests.harness import Harness
from tests.source_tree import ROOT

PAGES = ROOT / "docs" / "compatibility"


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def named(name: str) -> set[str]:
    """The words that a page has as code."""
    return {word for span in re.findall(r"`([^`]+)`", page(name)) for word in re.findall(r"[A-Za-z_][\w-]*", span)}


def test_every_answer_to_a_ping() -> None:
    texts = {
        f"{answer.status} `{answer.text}`" for answer in PingResponses(Settings(_env_file=None)).all() if answer.text
    }
    missing = sorted(text for text in texts if text not in page("pinging"))
    assert not missing, f"name in docs/compatibility/pinging.md: {missing}"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_field(api: PublicApi) -> None:
    """Of bodies, of answers, and of the objects within them."""
    assert api.page is not None
    told = reference(Harness().app.openapi(), api.page, "")
    pages = named(api.name) | named("monitor-types") | named("../channels")
    missing = sorted({field.name for struct in told.structs for field in struct.fields} - pages)
    assert not missing, f"name in docs/compatibility/{api.name}.md: {missing}"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_route(api: PublicApi) -> None:
    paths = {route.path for route in api.routes}
    words = named(api.name)
    missing = sorted(path for path in paths if not set(re.findall(r"[a-z][a-z0-9_-]+(?![^{]*\})", path)) <= words)
    assert paths
    assert not missing, f"name in docs/compatibility/{api.name}.md: {missing}"


def test_every_code_of_an_error() -> None:
    codes = set()
    for path in (ROOT / "query_api" / "poppaping").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="PoppaPingApiError" | "Conflict"), args=[_, _, ast.Constant(value=str(code)), *_]
                ):
                    codes.add(code)
    assert {"key_expired", "plan_limit_reached"} <= codes
    missing = sorted(codes - named("poppaping"))
    assert not missing, f"name in docs/compatibility/poppaping.md: {missing}"


def test_the_plans() -> None:
    for name, plan in PLANS.items():
        requests, most = (limit or "no limit" for limit in (plan.requests, plan.monitors))
        assert f"| `{name}` | {requests} | {most} | {plan.interval} s |" in page("poppaping")
