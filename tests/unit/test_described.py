"""`/openapi.json` is made once, whoever asks how often."""

import asyncio
import json
from typing import Any

import pytest

from tests.harness import Harness


async def test_the_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness()
    made, make = 0, harness.app.openapi

    def counting() -> dict[str, Any]:
        nonlocal made
        made += 1
        return make()

    monkeypatch.setattr(harness.app, "openapi", counting)
    answers = await asyncio.gather(*(harness.client.get("/openapi.json") for _ in range(20)))
    answers.append(await harness.client.get("/openapi.json"))
    assert made == 1
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json() == json.loads(json.dumps(make()))
    assert len({answer.content for answer in answers}) == 1

    plain = await harness.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.content == answers[0].content
    assert int(answers[0].headers["Content-Length"]) < len(plain.content) // 5  # it was packed

    known = await harness.client.get("/openapi.json", headers={"If-None-Match": plain.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await harness.client.head("/openapi.json")).status_code == 200
    assert made == 1
