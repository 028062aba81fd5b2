"""Clients get the bytes that they got before: every operation of both APIs, answered as recorded."""

import asyncio
from functools import cache

import pytest

from tests.answers_story import RECORDED, Answer, answers, recorded
from tests.harness import Harness


@cache
def told() -> list[Answer]:
    return asyncio.run(answers())


@pytest.mark.parametrize("api", ["management", "poppaping"])
def test_the_bytes_are_those_that_were_recorded(api: str) -> None:
    """When a change is meant: `python -m tests.answers_story` records it."""
    assert recorded(told())[api] == (RECORDED / f"{api}.txt").read_text("utf-8")


def test_every_operation_succeeds_once() -> None:
    """Each answer was held against the document on the way (`tests.harness`)."""
    succeeded = {(one.verb.lower(), one.route) for one in told() if one.status < 300}
    described = Harness().app.openapi()["paths"]
    # Versions 1 and 2 of the Management API are the same routes.
    repeated = (
        *(f"/api/v1/{name}" for name in ("checks", "channels", "project", "audit", "badges", "status/")),
        "/api/v2/",
    )
    operations = {
        (verb, path)
        for path, verbs in described.items()
        for verb in verbs
        if path.startswith("/api/v") and not path.startswith(repeated)
    }
    assert operations == succeeded
