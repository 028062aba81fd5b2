"""What browsers are told with every answer, of whatever kind."""

import pytest

from tests.harness import ADMIN_PASSWORD, Harness


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v3/checks/", 200),
        ("GET", "/api/v3/checks/nobody", 404),
        ("POST", "/api/v3/checks/", 401),
        ("OPTIONS", "/api/v3/checks/", 204),
        ("BREW", "/api/v3/checks/", 405),
        ("GET", "/api/v1/monitors", 401),
        ("GET", "/nothing", 404),
        ("GET", "/openapi.json", 200),
        ("GET", "/status/00000000-0000-4000-8000-000000000000", 404),
        ("GET", "/", 303),
        ("GET", "/sign-in", 200),
        ("GET", "/people", 303),
        ("GET", "/invitations/x", 404),
    ],
)
async def test_every_answer_is_safe_in_a_browser(method: str, path: str, status: int) -> None:
    harness = Harness()
    if status == 401:
        del harness.client.headers["X-Api-Key"]
    answer = await harness.client.request(method, path)
    assert answer.status_code == status
    # Forms of pages for people tell the site that they come from.
    is_page = path in ("/sign-in", "/invitations/x")
    referrer = "same-origin" if is_page else "no-referrer"
    for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", referrer)):
        assert answer.headers.get_list(name) == [value]
    assert "cache-control" in answer.headers
    assert len(answer.headers.get_list("content-security-policy")) == 1
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    if path.startswith("/api/"):
        assert answer.headers["cache-control"] == ("private, no-cache" if status == 200 else "no-store")


async def test_the_dashboard_is_in_no_frame_and_in_no_cache() -> None:
    answer = await Harness().client.get("/", auth=("me", ADMIN_PASSWORD))
    assert answer.status_code == 200
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "form-action 'self'" in answer.headers["content-security-policy"]
