"""Debian's Chromium, driven by Playwright, for tests of pages. Where there is none, tests are reported as not run."""

import contextlib
import os
import re
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="not run: there is no chromium (Debian package chromium)")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# WCAG 2.2 AA, and what axe holds to be good practice.
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Those that judge colours and the room that things have: all that a width and a theme can change.
_LOOKS = {"runOnly": ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]}
# Of each only what is wrong: what axe says of what is well is large, and costs more than to find it.
_RUN = """(rules) => axe.run({ ...rules, resultTypes: ["violations"] }).then((found) => found.violations.flatMap(
  (one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary || ""}`)))"""
_PATIENCE_MS = 15_000
_OF_A_CONNECTION = {"content-length", "set-cookie"}
# What the console says of a page that is not there (any more), and of a form that is shown again.
_REFUSED = re.compile("status of (400|403|404|409|410)")
_FAILED = re.compile("Failed to load resource")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    # Root may not use its sandbox, and the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visit(
    browser: Browser, password: str | None, size: dict[str, int] = DESKTOP, may_fail: bool = False, **options: Any
) -> Iterator[Page]:
    """A page of the owner of the instance, or without a password of somebody who is not signed in; whatever it says on
    its console as an error fails the test, but for the status of an answer. may_fail: and but for requests that fail.

    The owner shows the password with each request: a browser that waits to be asked for it would be led to `/sign-in`.
    """
    if password is not None:
        options["extra_http_headers"] = {"Authorization": f"Basic {b64encode(f'admin:{password}'.encode()).decode()}"}
    context: BrowserContext = browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
    context.set_default_timeout(_PATIENCE_MS)
    said: list[str] = []
    expected = _FAILED if may_fail else _REFUSED
    page = context.new_page()
    page.on(
        "console",
        lambda message: (
            said.append(message.text) if message.type == "error" and not expected.search(message.text) else None
        ),
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not said, said


def serve(page: Page, answer: Callable[[Request], httpx.Response | None]) -> None:
    """Have whatever a page asks for answered so, without a server; None: there is nothing."""

    def handle(route: Route) -> None:
        said = answer(route.request)
        if said is None:
            route.fulfill(status=204)
            return
        headers = {name: value for name, value in said.headers.items() if name not in _OF_A_CONNECTION}
        route.fulfill(status=said.status_code, headers=headers, body=said.content)

    page.route("**/*", handle)


def violations(page: Page, looks: bool = False) -> list[str]:
    """What axe-core finds wrong with a page, each with where and how to mend it. looks: all of the page has been judged
    before, and only how it looks is another now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_RUN, _LOOKS if looks else _RULES)
    return found
