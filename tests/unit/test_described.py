"""`/openapi.json` is made once, whoever asks how often."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from starlette.requests import Request

from query_api.http.described import Published
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


async def test_unpacked_it_is_sent_so_often_in_a_second_and_no_more() -> None:
    """It may be large: whoever asks for it again and again takes the server's time from pings."""
    second = 0.0
    document = Published(lambda: b"{}", now=lambda: second)

    async def ask(*accepted: bytes) -> int:
        headers = [(b"accept-encoding", encoding) for encoding in accepted]
        answer = await document.answer(Request({"type": "http", "method": "GET", "headers": headers}))
        return answer.status_code

    assert Counter([await ask() for _ in range(60)]) == {200: 50, 429: 10}
    assert await ask(b"gzip") == 200
    second = 0.9
    assert await ask() == 429
    second = 1.0
    assert await ask() == 200


async def test_what_could_not_be_made_is_made_at_the_next_request() -> None:
    failures = [MemoryError("for now")]

    def make() -> bytes:
        if failures:
            raise failures.pop()
        return b"{}"

    document = Published(make)
    request = Request({"type": "http", "method": "GET", "headers": []})
    with pytest.raises(MemoryError):
        await document.answer(request)
    assert (await document.answer(request)).status_code == 200
