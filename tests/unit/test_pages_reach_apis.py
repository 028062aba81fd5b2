"""Whatever an API changes can be changed in the browser: each of its writing routes has a page that sends the same.

A route that is new needs a line here: the page that calls it, or why there is none.
"""

import inspect
from typing import Any

import pytest
from fastapi.routing import APIRoute

from query_api.app import APIS
from tests.harness import Harness

# By route of an API: the page whose form sends it.
PAGES: dict[tuple[str, str], str] = {
    ("POST", "/checks/"): "/checks/new",
    ("POST", "/checks/{code}"): "/checks/{code}/edit",
    ("DELETE", "/checks/{code}"): "/checks/{code}/delete",
    ("POST", "/checks/{code}/pause"): "/checks/{code}/pause",
    ("POST", "/checks/{code}/resume"): "/checks/{code}/resume",
    ("POST", "/project/rename"): "/projects/{id}/name",
    ("POST", "/project/rotate-ping-key"): "/projects/{id}/ping-key",
    ("POST", "/project/rotate-webhook-secret"): "/projects/{id}/webhook-secret",
    ("POST", "/monitors"): "/monitors/new",
    ("PATCH", "/monitors/{id}"): "/monitors/{id}/edit",
    ("DELETE", "/monitors/{id}"): "/monitors/{id}/delete",
    ("POST", "/monitors/{id}/pause"): "/monitors/{id}/pause",
    ("POST", "/monitors/{id}/resume"): "/monitors/{id}/resume",
    ("POST", "/monitors/try"): "/monitors/new",
    ("POST", "/monitors/{id}/try"): "/monitors/{id}/edit",
    ("POST", "/incidents/{id}/acknowledge"): "/incidents/{id}/act",
    ("DELETE", "/incidents/{id}/acknowledge"): "/incidents/{id}/act",
    ("POST", "/incidents/{id}/comments"): "/incidents/{id}/act",
    ("POST", "/escalation-policies"): "/escalations/new",
    ("PATCH", "/escalation-policies/{id}"): "/escalations/{id}/edit",
    ("DELETE", "/escalation-policies/{id}"): "/escalations/{id}/remove",
    ("POST", "/message-templates"): "/templates/new",
    ("POST", "/message-templates/preview"): "/templates/new",
    ("PATCH", "/message-templates/{id}"): "/templates/{id}/edit",
    ("DELETE", "/message-templates/{id}"): "/templates/{id}/remove",
    ("POST", "/on-call"): "/rotations/new",
    ("PATCH", "/on-call/{id}"): "/rotations/{id}/edit",
    ("DELETE", "/on-call/{id}"): "/rotations/{id}/remove",
    ("POST", "/on-call/{id}/overrides"): "/rotations/{id}/override",
    ("DELETE", "/on-call/{id}/overrides/{override}"): "/rotations/{id}/overrides/{override}/remove",
    ("PUT", "/on-call/{id}/calendar-feed"): "/rotations/{id}/calendar",
    ("DELETE", "/on-call/{id}/calendar-feed"): "/rotations/{id}/calendar/remove",
    ("POST", "/on-call/{id}/calendar-link"): "/rotations/{id}/calendar-link",
    ("POST", "/tag-mutes"): "/mutes/{project}",
    ("DELETE", "/tag-mutes/{id}"): "/mutes/{id}/lift",
    ("POST", "/alert-channels"): "/channels/new",
    ("PATCH", "/alert-channels/{id}"): "/channels/{id}/edit",
    ("POST", "/alert-channels/{id}/confirmation"): "/channels/{id}/confirmation",
    ("POST", "/alert-channels/{id}/rotate-secret"): "/channels/{id}/secret",
    ("DELETE", "/alert-channels/{id}"): "/channels/{id}/remove",
    ("POST", "/alert-channels/{id}/test"): "/channels/{id}/test",
    ("POST", "/alert-channels/{id}/deliveries/{delivery}/replay"): "/channels/{id}/deliveries/{delivery}/again",
    ("POST", "/status-pages"): "/status-pages/new/{project}",
    ("PATCH", "/status-pages/{id}"): "/status-pages/{id}",
    ("DELETE", "/status-pages/{id}"): "/status-pages/{id}/delete",
    ("POST", "/status-pages/{id}/posts"): "/status-pages/{id}/posts",
    ("DELETE", "/status-pages/{id}/posts/{post}"): "/status-pages/{id}/posts/{post}/delete",
    ("POST", "/status-pages/{id}/posts/{post}/updates"): "/status-pages/{id}/posts/{post}/updates",
    ("PATCH", "/status-pages/{id}/posts/{post}/updates/{number}"): "/status-pages/{id}/posts/{post}/updates/{number}",
    ("DELETE", "/status-pages/{id}/subscribers/{subscriber}"): "/status-pages/{id}/subscribers/{subscriber}/remove",
    ("POST", "/maintenance-windows"): "/maintenance/new",
    ("PATCH", "/maintenance-windows/{id}"): "/maintenance/{id}/edit",
    ("POST", "/maintenance-windows/{id}/extend"): "/maintenance/{id}/extend",
    ("POST", "/maintenance-windows/{id}/end"): "/maintenance/{id}/end",
    ("DELETE", "/maintenance-windows/{id}"): "/maintenance/{id}/remove",
    ("PATCH", "/reports/schedule"): "/projects/{id}/reports",
    ("POST", "/reports/send"): "/projects/{id}/reports",
}
SAME = "the PoppaPing API makes the same change of a channel, and pages call that"
# By route of an API: why no page sends it.
NO_PAGE: dict[tuple[str, str], str] = {
    ("POST", "/channels/"): SAME,
    ("POST", "/channels/{code}/confirmation"): SAME,
    ("DELETE", "/channels/{code}"): SAME,
    ("POST", "/channels/{code}/rotate-secret"): SAME,
    ("POST", "/account/rotate-webhook-secret"): "the Management API makes the same change of a project",
    ("POST", "/alert-channels/{id}/deliveries/replay"): "a page sends one delivery again at a time",
    ("PATCH", "/status-pages/{id}/posts/{post}"): "pages write updates of a post and mend their texts",
    ("POST", "/what-if"): "it changes nothing; pages ask by GET",
}


def writing() -> set[tuple[str, str]]:
    """The writing routes of the APIs; those of updown.io are other names for things of the others."""
    apis = [api for api in APIS if api.name != "updown"]
    routes = [(verb, route.path) for api in apis for route in api.routes for verb in route.methods or ()]
    return {(verb, path) for verb, path in routes if verb not in ("GET", "HEAD", "OPTIONS")}


def test_every_writing_route_has_a_page_or_a_reason() -> None:
    assert set(PAGES) | set(NO_PAGE) == writing()
    assert not set(PAGES) & set(NO_PAGE)


@pytest.mark.parametrize("route", PAGES, ids=" ".join)
def test_the_page_is_there_and_calls_the_api(route: tuple[str, str]) -> None:
    [page] = [
        one
        for one in Harness().app.routes
        if isinstance(one, APIRoute) and one.path == PAGES[route] and "POST" in (one.methods or ())
    ]
    endpoint: Any = page.endpoint
    module = inspect.getsource(inspect.getmodule(endpoint) or endpoint)
    collection = route[1].split("/")[1]
    api = f"/api/v3/{collection}" if collection in ("checks", "project") else f"/api/v1/{collection}"
    last = route[1].rstrip("/").rpartition("/")[2]
    shared = "PAGES_API" in module or "TEMPLATES_API" in module
    assert api in module or shared, f"{endpoint.__module__} calls no {api}"
    if last.isalpha() and last not in ("pause", "resume", "extend", "end", collection, "acknowledge", "comments"):
        assert last in module, f"{endpoint.__module__} says nothing of {last}"
