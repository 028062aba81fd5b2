"""The examples of pages: they can be pasted into a shell, and what they call is there."""

import re
import subprocess

import msgspec
import pytest
from fastapi.routing import APIRoute

from query_api.poppaping.escalations import CreateEscalationPolicyBody
from schemas.channels.kinds import CHANNEL_KINDS
from tests.all_routes import NOBODY, World
from tests.source_tree import ROOT

# Pages whose examples people follow from top to bottom.
FOLLOWED = ["README.md", "docs/moving.md"]
PAGES = [*FOLLOWED, "CONTRIBUTING.md", "docs/operations.md", "docs/events.md", "docs/bulk-pings.md"]
# Stands for something that only the reader knows.
_PLACEHOLDER = re.compile(r"<[a-z][\w -]*>")


def blocks(page: str) -> list[str]:
    """The examples of a page."""
    found = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, page
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_shell_understands_them(page: str) -> None:
    for block in blocks(page):
        ended = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, f"{ended.stderr}\n{block}"


@pytest.mark.parametrize("page", FOLLOWED)
def test_nothing_has_to_be_filled_in(page: str) -> None:
    for block in blocks(page):
        assert not _PLACEHOLDER.search(block), block
        # Not every shell takes what stands behind a command for a comment.
        assert not re.search(r"\S +# ", block), block


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_variable_was_set_before(page: str) -> None:
    told = "\n".join(blocks("README.md") if page == "README.md" else [*blocks("README.md"), *blocks(page)])
    for match in re.finditer(r"\$([A-Za-z_]+)", told):
        set_before = re.search(rf"(?:^|\s){match[1]}=|read -r {match[1]}\b", told[: match.start()])
        assert set_before, f"${match[1]} is used before it is set"


def test_what_the_readme_sends_makes_sense() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    channels = re.findall(r"channel create (\w+) ([^\s`]+)", text)
    assert len(channels) > 3
    for name, target in channels:
        kind = CHANNEL_KINDS[name]
        assert kind.validate(kind.of_form(kind.of_target(target)), None), target
    [policy] = re.findall(r'/escalation-policies \\\n +-d "(.*?)"$', text, re.MULTILINE)
    written = re.sub(r"\$\w+", NOBODY, policy.replace('\\"', '"'))
    wanted = msgspec.json.decode(written, type=CreateEscalationPolicyBody)
    assert wanted.monitor_ids == [NOBODY]
    assert [step.alert_channel_ids for step in wanted.steps] == [[NOBODY]]


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_path_is_served(page: str) -> None:
    routes = [route for route in World().app.routes if isinstance(route, APIRoute)]
    paths = re.findall(r"\$U(/[^\s\"'`?,)]*)", (ROOT / page).read_text("utf-8"))
    assert paths
    for path in paths:
        whole = re.sub(r"\$\w+|<[^>]+>", NOBODY, path)
        if whole.startswith("/ping"):
            continue
        served = any(route.path_regex.match(form) for route in routes for form in (whole, f"{whole}/"))
        beginning = whole.endswith("/") and any(route.path.startswith(whole) for route in routes)
        assert served or beginning, path
