"""The REST APIs as declarations ask them: keys, waits, and what is said when something else answers."""

from collections.abc import Callable

import httpx
import pytest

from infra.settings.settings import Settings
from pingfold.declared.api import Api, ApiRefused
from pingfold.errors import CommandFailed

Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler, key: str = "pp_live_a,hcw_b", waits: list[float] | None = None) -> Api:
    settings = Settings(_env_file=None, url="http://pingfold.test", key=key)
    return Api(settings, httpx.MockTransport(handler), (waits if waits is not None else []).append)


def shown(request: httpx.Request) -> httpx.Response:
    """Answers with the key that was shown."""
    key = request.headers.get("X-Api-Key") or request.headers.get("Authorization", "")
    return httpx.Response(200, json={"data": key.removeprefix("Bearer ")})


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("pp_live_a,hcw_b", {"poppaping": "pp_live_a", "healthchecks": "hcw_b"}),
        (" hcw_b , pp_live_a ", {"poppaping": "pp_live_a", "healthchecks": "hcw_b"}),
        ("chosen,pp_live_a", {"poppaping": "pp_live_a", "healthchecks": "chosen"}),
        ("hcr_b,chosen", {"poppaping": "chosen", "healthchecks": "hcr_b"}),
    ],
)
def test_each_api_is_shown_its_own_key(given: str, keys: dict[str, str]) -> None:
    with api(shown, given) as one:
        assert one.call("poppaping", "GET", "/x") == keys["poppaping"]
        assert one.call("healthchecks", "GET", "/x") == {"data": keys["healthchecks"]}
        assert one.open("/x") == {"data": ""}


def test_a_key_that_is_missing_is_asked_for() -> None:
    one = api(shown, "pp_live_a")
    assert not one.has_key("healthchecks")
    with pytest.raises(CommandFailed, match=r"PINGFOLD_KEY has no key of the Management API .*with a comma"):
        one.call("healthchecks", "GET", "/x")


def test_a_server_that_wants_a_pause_gets_it_for_a_bounded_time() -> None:
    waits: list[float] = []
    answers = [
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(429),
        httpx.Response(200, json={"data": 1}),
    ]
    assert api(lambda request: answers.pop(0), waits=waits).call("poppaping", "GET", "/x") == 1
    assert waits == [7.0, 1.0]
    waits.clear()
    told = {"error": "rate_limit_exceeded", "message": "Too many."}
    busy = api(lambda request: httpx.Response(429, headers={"Retry-After": "86400"}, json=told), waits=waits)
    with pytest.raises(ApiRefused, match=r"429 Too many\."):
        busy.call("poppaping", "POST", "/x", {})
    assert len(waits) == 10
    assert max(waits) == 60.0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(400, json={"error": "validation_error", "message": "Field 'a'."}), "400 Field 'a'."),
        (httpx.Response(400, json={"error": "json validation error: x"}), "400 json validation error: x"),
        (httpx.Response(400, json={"error": {"message": "x"}}), "400 x"),
        (httpx.Response(502, text="<html>Bad gateway</html>"), "502 <html>Bad gateway</html>"),
        (httpx.Response(503), "503 Service Unavailable"),
        (httpx.Response(200, text="<html>"), "the server at http://pingfold.test is not Pingfold"),
        (httpx.Response(200, json=[1]), "the server at http://pingfold.test is not Pingfold"),
    ],
)
def test_what_is_refused_is_told_in_the_words_of_the_server(answer: httpx.Response, words: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        api(lambda request: answer).call("poppaping", "GET", "/x")
    assert words in str(refused.value)


def test_a_write_that_was_not_answered_is_not_repeated() -> None:
    seen: list[str] = []

    def lost(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        raise httpx.ReadTimeout("timed out")

    with pytest.raises(ApiRefused, match=r"does not answer .timed out.: is Pingfold running there") as refused:
        api(lost).call("poppaping", "POST", "/x", {})
    assert (refused.value.status, seen) == (0, ["POST"])


def test_all_pages_are_read() -> None:
    things = [{"id": str(number)} for number in range(250)]

    def page(request: httpx.Request) -> httpx.Response:
        number, size = (int(request.url.params[name]) for name in ("page", "per_page"))
        meta = {"total": len(things), "total_pages": -(-len(things) // size)}
        return httpx.Response(200, json={"data": things[(number - 1) * size : number * size], "meta": meta})

    assert api(page).all("poppaping", "/x") == things
