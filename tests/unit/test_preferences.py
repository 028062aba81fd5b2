"""The reader's zone and colours: kept in his browser, and nothing else is."""

import pytest

from tests.harness import ADMIN_PASSWORD, Harness

AUTH = ("", ADMIN_PASSWORD)


async def test_what_the_form_says_is_kept_and_shown() -> None:
    harness = Harness()
    said = {"zone": "Asia/Kolkata", "theme": "light", "back": "/?status=up"}
    answer = await harness.client.post("/preferences", data=said, auth=AUTH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?status=up")
    cookies = answer.headers.get_list("set-cookie")
    assert [one.split(";")[0] for one in cookies] == ["pingfold_zone=Asia/Kolkata", "pingfold_theme=light"]
    page = (await harness.client.get("/", auth=AUTH)).text
    assert "Times are those of Asia/Kolkata (IST)." in page
    assert 'data-theme="light"' in page


@pytest.mark.parametrize(
    "said",
    [
        {"zone": "Mars/Olympus", "theme": "pink", "back": "https://elsewhere.example/"},
        {"zone": "UTC\r\nX: y", "theme": "", "back": "//elsewhere.example/"},
        {"zone": "../../etc/passwd", "back": "/\\elsewhere.example"},
        {"zone": "Factory", "theme": "x" * 5_000},
    ],
)
async def test_what_is_no_choice_counts_as_none(said: dict[str, str]) -> None:
    answer = await Harness().client.post("/preferences", data=said, auth=AUTH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    kept = [one for one in answer.headers.get_list("set-cookie") if not one.startswith("pingfold_theme=;")]
    assert kept == []


@pytest.mark.parametrize("zone", ["", "Nowhere", "%00", "é", "x" * 3_000])
async def test_a_cookie_of_nothing_is_utc(zone: str) -> None:
    headers = [(b"Cookie", f"pingfold_zone={zone}; pingfold_theme=evil".encode())]
    answer = await Harness().client.get("/", auth=AUTH, headers=headers)
    assert "Times are those of UTC." in answer.text
    assert "data-theme" not in answer.text
