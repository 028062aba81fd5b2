"""What people change of themselves, and one-time codes as the second step of a sign-in."""

import asyncio
import re

import httpx
import pyotp
import pytest

from infra.secrets import one_time_codes
from infra.secrets.one_time_codes import WINDOW_SECONDS, hash_recovery_code, window_of
from infra.secrets.person_passwords import hash_person_password, is_person_password
from infra.secrets.secrets import Vault
from query_api.web.people.identity import OF_CODES, Identities
from schemas.base import SECOND
from schemas.people import MOST_WRONG_CODES, person_id
from tests.harness import ADMIN_PASSWORD, Harness
from tests.people_world import ANN, PASSWORD, member, owner, person
from tests.web_browser import Browser, form_of

NEW = "a better password"


@pytest.fixture
def harness() -> Harness:
    """With a vault that keeps secrets where they belong."""
    return Harness(vault=Vault(b"k" * 32, "a test"))


class Phone:
    """The application that shows codes of the key on a page, by the clock of the harness."""

    def __init__(self, harness: Harness, page: str) -> None:
        found = re.search(r"<code>([A-Z2-7 ]{32,})</code>", page)
        assert found is not None
        self._codes, self._log = pyotp.TOTP(found[1].replace(" ", "")), harness.log

    def code(self, windows: int = 0) -> str:
        return self._codes.generate_otp(self._log.time // SECOND // WINDOW_SECONDS + windows)


def recovery_of(page: str) -> list[str]:
    return re.findall(r"<li><code>([a-z0-9-]+)</code></li>", page)


async def with_codes(harness: Harness, browser: Browser, password: str = PASSWORD) -> tuple[Phone, list[str]]:
    """Ask for codes from now on; the phone, and the recovery codes."""
    page = await browser.get("/account/codes")
    phone = Phone(harness, page.text)
    answer = await browser.send_form_of(page, {"code": phone.code(), "password": password}, "/codes")
    assert answer.status_code == 200, answer.text
    return phone, recovery_of(answer.text)


async def half_way(harness: Harness, next: str = "/") -> tuple[Browser, httpx.Response]:
    """A browser that has shown the right password, and the page that asks for the code."""
    browser = Browser(harness)
    page = await browser.sign_in(ANN, PASSWORD, next)
    assert (page.status_code, "Enter your code" in page.text, "Set-Cookie" in page.headers) == (200, True, False)
    assert (await browser.get("/")).status_code == 303
    return browser, page


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status_code == 200


async def test_another_name(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    assert (await ann.send_form("/account", {"name": "Ann B."}, "/name")).status_code == 303
    assert person(harness).name == "Ann B."
    answer = await ann.send_form("/account", {"name": " "}, "/name")
    assert (answer.status_code, 'aria-describedby="name-problem"' in answer.text) == (400, True)
    assert await is_signed_in(ann)


async def test_another_password_ends_all_other_sessions(harness: Harness) -> None:
    ann, elsewhere = await member(harness, "viewer"), Browser(harness)
    await elsewhere.sign_in(ANN, PASSWORD)
    fields = {"old_password": PASSWORD, "password": NEW, "repeated": NEW}
    wrong = await ann.send_form("/account", fields | {"old_password": "not it"}, "/password")
    assert (wrong.status_code, "This is not your password" in wrong.text) == (403, True)
    short = await ann.send_form("/account", fields | {"password": "x"}, "/password")
    assert (short.status_code, "at least 10" in short.text) == (400, True)
    assert await is_signed_in(elsewhere)
    assert (await ann.send_form("/account", fields, "/password")).status_code == 303
    assert [await is_signed_in(one) for one in (ann, elsewhere)] == [True, False]
    assert (await elsewhere.sign_in(ANN, PASSWORD)).status_code == 403
    assert (await elsewhere.sign_in(ANN, NEW)).status_code == 303


async def test_signed_out_everywhere(harness: Harness) -> None:
    ann, elsewhere = await member(harness, "viewer"), Browser(harness)
    await elsewhere.sign_in(ANN, PASSWORD)
    kept = dict(ann.cookies)
    answer = await ann.send_form("/account", {}, "/sign-out-everywhere")
    assert (answer.headers["Location"], dict(ann.cookies)) == ("/sign-in", {})
    ann.cookies.update(kept)  # as whoever has stolen it
    assert [await is_signed_in(one) for one in (ann, elsewhere)] == [False, False]


async def test_signing_out_ends_the_session_for_copies_too(harness: Harness) -> None:
    ann, elsewhere = await member(harness, "viewer"), Browser(harness)
    await elsewhere.sign_in(ANN, PASSWORD)
    boss = await owner(harness)
    for browser in (ann, boss):
        copied = Browser(harness)
        copied.cookies.update(browser.cookies)
        page = await copied.get("/account")
        assert page.status_code == 200
        harness.log.tick(120)
        copied.cookies.update((await copied.get("/")).cookies)  # renewed meanwhile
        assert (await browser.send_form("/sign-out", {})).headers["Location"] == "/sign-in"
        assert not await is_signed_in(copied)
        assert (await copied.send_form_of(page, {}, "/sign-out-everywhere")).status_code == 403
    assert await is_signed_in(elsewhere)


async def test_while_kafka_is_away_a_sign_out_says_what_it_did_not_do(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    page = await ann.get("/sign-out")
    harness.log.broken = True
    answer = await ann.send_form_of(page, {})
    assert (answer.status_code, "could not be ended" in answer.text) == (503, True)
    assert dict(ann.cookies) == {}


async def test_the_owner_of_the_instance_has_a_name_and_no_password_here(harness: Harness) -> None:
    boss = await owner(harness)
    page = await boss.get("/account")
    assert "PINGFOLD_ADMIN_PASSWORD" in page.text
    assert "/account/password" not in page.text
    assert (await boss.post("/account/password", data=form_of(page.text, "/name")[1])).status_code == 403
    assert (await boss.send_form_of(page, {"name": "Olga"}, "/name")).status_code == 303
    assert "<bdi>Olga</bdi>" in (await boss.get("/account")).text
    assert harness.log.directory.people.everybody() == []


async def test_the_owner_of_the_instance_signs_out_everywhere(harness: Harness) -> None:
    boss, elsewhere = await owner(harness), await owner(harness)
    assert (await boss.send_form("/account", {}, "/sign-out-everywhere")).status_code == 303
    assert not await is_signed_in(elsewhere)
    assert await is_signed_in(await owner(harness))


async def test_the_owner_of_the_instance_may_have_codes(harness: Harness) -> None:
    """Then the password alone opens nothing, be it by HTTP Basic."""
    boss, elsewhere = await owner(harness), await owner(harness)
    basic = httpx.BasicAuth("me", ADMIN_PASSWORD)
    assert (await Browser(harness).get("/account", auth=basic)).status_code == 200
    phone, recovery = await with_codes(harness, boss, ADMIN_PASSWORD)
    assert [await is_signed_in(one) for one in (boss, elsewhere)] == [True, False]
    for auth in (basic, httpx.BasicAuth("me", "wrong")):
        answer = await Browser(harness).get("/", auth=auth)
        assert (answer.status_code, "sign in at /sign-in" in answer.text) == (403, True)
    assert (await boss.get("/account", auth=basic)).status_code == 200  # as a browser that remembers it
    harness.log.tick(WINDOW_SECONDS)
    for code in (phone.code(), recovery[0]):
        browser = Browser(harness)
        page = await browser.sign_in()
        assert (page.status_code, await is_signed_in(browser)) == (200, False)
        assert (await browser.send_form_of(page, {"code": code})).status_code == 303
        assert await is_signed_in(browser)
    assert (await boss.send_form("/account/codes", {"password": ADMIN_PASSWORD}, "/off")).status_code == 303
    assert await is_signed_in(await owner(harness))


async def test_a_code_is_asked_for_after_the_password(harness: Harness) -> None:
    ann, elsewhere = await member(harness, "viewer"), Browser(harness)
    await elsewhere.sign_in(ANN, PASSWORD)
    phone, _ = await with_codes(harness, ann)
    assert [await is_signed_in(one) for one in (ann, elsewhere)] == [True, False]
    harness.log.tick(WINDOW_SECONDS)
    browser, page = await half_way(harness, "/people")
    wrong = await browser.send_form_of(page, {"code": "000000"})
    assert (wrong.status_code, "This code is wrong" in wrong.text) == (403, True)
    answer = await browser.send_form_of(wrong, {"code": phone.code()})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people")
    assert await is_signed_in(browser)


async def test_a_code_signs_in_once(harness: Harness) -> None:
    phone, _ = await with_codes(harness, await member(harness, "viewer"))
    browser, page = await half_way(harness)
    # Not that with which codes were asked for, nor an older one.
    for windows in (0, -1):
        assert (await browser.send_form_of(page, {"code": phone.code(windows)})).status_code == 403
    harness.log.tick(WINDOW_SECONDS)
    code = phone.code()
    assert (await browser.send_form_of(page, {"code": code})).status_code == 303
    again, page = await half_way(harness)
    assert (await again.send_form_of(page, {"code": code})).status_code == 403
    # The clock of a phone may be a window ahead or behind.
    assert (await again.send_form_of(page, {"code": phone.code(2)})).status_code == 403
    assert (await again.send_form_of(page, {"code": phone.code(1)})).status_code == 303


async def test_a_recovery_code_signs_in_once(harness: Harness) -> None:
    _, codes = await with_codes(harness, await member(harness, "viewer"))
    assert len(set(codes)) == 10
    assert not any(code in str(harness.log.records) for code in codes)
    for written in (codes[0], codes[1].upper().replace("-", " ")):
        browser, page = await half_way(harness)
        assert (await browser.send_form_of(page, {"code": written})).status_code == 303
        assert (await browser.send_form_of(page, {"code": written})).status_code == 403
    assert "8 recovery codes are left" in (await browser.get("/account")).text


async def test_codes_are_guessed_slowly(harness: Harness) -> None:
    phone, _ = await with_codes(harness, await member(harness, "viewer"))
    browser, page = await half_way(harness)
    harness.log.tick(WINDOW_SECONDS)
    for number in range(OF_CODES.most):
        guess = f"{(int(phone.code()) + 1 + number * 7) % 1_000_000:06}"
        assert (await browser.send_form_of(page, {"code": guess})).status_code in (403, 303)
    # From wherever.
    other, page = await half_way(harness)
    answer = await other.send_form_of(page, {"code": phone.code()})
    assert (answer.status_code, "try again in" in answer.text) == (429, True)


async def test_wrong_codes_count_over_all_processes(harness: Harness) -> None:
    """Another process has budgets of its own; what was shown to this one counts there all the same."""
    phone, recovery = await with_codes(harness, await member(harness, "viewer"))
    harness.log.tick(WINDOW_SECONDS)
    browser, page = await half_way(harness)
    guesses = asyncio.gather(
        *(browser.send_form_of(page, {"code": f"{number:06}"}) for number in range(MOST_WRONG_CODES))
    )
    assert {answer.status_code for answer in await guesses} <= {403}
    harness.app.state.identities = Identities(harness.app.state.deps)
    answer = await browser.send_form_of(page, {"code": phone.code()})
    assert (answer.status_code, "try again in" in answer.text) == (429, True)
    # Who has the recovery codes is not kept out by somebody who guesses.
    assert (await browser.send_form_of(page, {"code": recovery[0]})).status_code == 303
    assert person(harness).wrong_codes == ()


async def test_a_code_that_two_processes_are_shown_at_once_signs_in_once(harness: Harness) -> None:
    phone, recovery = await with_codes(harness, await member(harness, "viewer"))
    harness.log.tick(WINDOW_SECONDS)
    for code in (phone.code(), recovery[0]):
        browsers = [await half_way(harness) for _ in range(5)]
        answers = await asyncio.gather(*(one.send_form_of(page, {"code": code}) for one, page in browsers))
        assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403, 403]


async def test_the_second_step_ends_with_what_it_follows(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    phone, _ = await with_codes(harness, ann)
    browser, page = await half_way(harness)
    harness.log.tick(301)
    answer = await browser.send_form_of(page, {"code": phone.code()})
    assert (answer.status_code, "took too long" in answer.text) == (403, True)
    browser, page = await half_way(harness)
    await ann.send_form("/account", {}, "/sign-out-everywhere")
    assert (await browser.send_form_of(page, {"code": phone.code()})).status_code == 403
    # What this installation signs for something else is no half of a sign-in.
    for half in (harness.people_tokens.form_token(b"x"), "", "ü", "A" * 60):
        assert (await browser.send_form_of(page, {"code": phone.code(), "half": half})).status_code == 403


async def test_a_key_counts_when_its_code_and_the_password_are_shown(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    page = await ann.get("/account/codes")
    phone = Phone(harness, page.text)
    assert "data:image/svg+xml,%3Csvg" in page.text
    bob = await member(harness, "viewer", "bob@example.org")
    of_bob = form_of((await bob.get("/account/codes")).text, "/codes")[1]["sealed"]
    for fields, status in (
        ({"code": "12", "password": PASSWORD}, 400),
        ({"code": phone.code(), "password": "wrong"}, 403),
        ({"code": phone.code(), "password": PASSWORD, "sealed": "v2.x.y"}, 400),
        ({"code": phone.code(), "password": PASSWORD, "sealed": of_bob}, 400),
    ):
        answer = await ann.send_form_of(page, fields, "/codes")
        assert (answer.status_code, person(harness).totp) == (status, "")
        if status != 400 or "sealed" not in fields:
            assert Phone(harness, answer.text).code() == phone.code()  # it may be tried again


async def test_codes_that_are_asked_for_twice_are_the_same(harness: Harness) -> None:
    """Whether the second form comes at the same moment, to another process, or after a sign-in."""
    ann = await member(harness, "viewer")
    joined = person(harness).version
    page = await ann.get("/account/codes")
    phone = Phone(harness, page.text)
    to, fields = form_of(page.text, "/codes")
    fields |= {"code": phone.code(), "password": PASSWORD}
    headers = {"Cookie": "; ".join(map("=".join, ann.cookies.items()))}
    answers = await asyncio.gather(*(Browser(harness).post(to, data=fields, headers=headers) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    [codes] = {tuple(recovery_of(answer.text)) for answer in answers}
    assert (len(codes), person(harness).version) == (10, joined + 1)
    assert person(harness).recovery == tuple(map(hash_recovery_code, codes))
    # Each of them has given the browser a session.
    for answer in answers:
        browser = Browser(harness)
        browser.cookies.update(answer.cookies)
        assert await is_signed_in(browser)
    # That in which it was asked for has ended: a form that comes later is kept through a sign-in.
    late = await Browser(harness).post(to, data=fields, headers=headers)
    assert (late.status_code, "what you entered is kept" in late.text) == (403, True)
    browser, half = await half_way(harness)
    assert (await browser.send_form_of(half, {"code": codes[0]})).status_code == 303
    before = person(harness)
    again = form_of((await browser.get("/account/codes")).text, "/codes")[1] | {"sealed": fields["sealed"]}
    shown = await browser.post(to, data=again | {"code": phone.code(), "password": PASSWORD})
    assert (shown.status_code, recovery_of(shown.text)) == (200, list(codes[1:]))  # the one that was used is gone
    assert person(harness) == before
    wrong = await browser.post(to, data=again | {"code": phone.code(), "password": "wrong"})
    assert (wrong.status_code, recovery_of(wrong.text)) == (403, [])


@pytest.mark.parametrize("action", ["/password", "/sign-out-everywhere", "/sign-out", "/off"])
async def test_what_ends_a_session_is_harmless_twice(harness: Harness, action: str) -> None:
    """Sent at the same moment, and once more when the session has ended."""
    ann = await member(harness, "viewer")
    if action == "/off":
        await with_codes(harness, ann)
    path = {"/sign-out": "/sign-out", "/off": "/account/codes"}.get(action, "/account")
    to, fields = form_of((await ann.get(path)).text, action)
    old = {"old_password": PASSWORD} if action == "/password" else {}
    password = NEW if action == "/password" else PASSWORD
    fields |= {"password": password, "repeated": password} | old
    headers = {"Cookie": "; ".join(map("=".join, ann.cookies.items()))}
    answers = await asyncio.gather(*(Browser(harness).post(to, data=fields, headers=headers) for _ in range(2)))
    assert {answer.status_code for answer in answers} <= {303, 403, 409}
    assert 303 in {answer.status_code for answer in answers}
    before = person(harness)
    late = await Browser(harness).post(to, data=fields, headers=headers)
    assert (late.status_code, "Your session has ended" in late.text) == (403, True)
    assert person(harness) == before
    assert (await Browser(harness).sign_in(ANN, password)).status_code == 303


async def test_without_codes_again(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    await with_codes(harness, ann)
    answer = await ann.send_form("/account/codes", {"password": "wrong"}, "/off")
    assert (answer.status_code, bool(person(harness).totp)) == (403, True)
    assert (await ann.send_form("/account/codes", {"password": PASSWORD}, "/off")).status_code == 303
    assert (person(harness).totp, person(harness).recovery) == ("", ())
    assert await is_signed_in(ann)
    assert (await Browser(harness).sign_in(ANN, PASSWORD)).status_code == 303


async def test_while_kafka_is_away_no_code_is_taken(harness: Harness) -> None:
    """That it is used once could not be told."""
    phone, _ = await with_codes(harness, await member(harness, "viewer"))
    harness.log.tick(WINDOW_SECONDS)
    browser, page = await half_way(harness)
    harness.log.broken = True
    answer = await browser.send_form_of(page, {"code": phone.code()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    harness.log.broken = False
    assert (await browser.send_form_of(page, {"code": phone.code()})).status_code == 303


async def test_one_address_does_not_try_every_name(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.web.people.identity.is_person_password", lambda _password, _stored: False)
    browser = Browser(harness)
    statuses = [(await browser.sign_in(f"p{number}@example.org", "x")).status_code for number in range(52)]
    assert statuses == [403] * 50 + [429] * 2
    assert (await Browser(harness, "192.0.2.8").sign_in("p1@example.org", "x")).status_code == 403


async def test_a_name_that_nobody_has_takes_as_long(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash is made, with the same cost, in the same place."""
    await member(harness, "viewer")
    looks: list[tuple[str, str]] = []

    def look(password: str, stored: str) -> bool:
        looks.append((password, stored))
        return is_person_password(password, stored)

    monkeypatch.setattr("query_api.web.people.identity.is_person_password", look)
    answers = [(await Browser(harness).sign_in(name, "wrong password")) for name in (ANN, "bob@example.org")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert [bool(stored) for _, stored in looks] == [True, False]
    assert answers[0].text.replace(ANN, "") == answers[1].text.replace("bob@example.org", "")


def test_passwords_are_of_argon2id() -> None:
    stored = hash_person_password("schlu\u0308ssel")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored != hash_person_password("schlu\u0308ssel")
    assert is_person_password("schl\u00fcssel", stored)
    for shown, kept in (("schlussel", stored), ("", ""), ("x", ""), ("x", "$argon2id$"), ("x", stored[:-3])):
        assert not is_person_password(shown, kept)


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, with six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert window_of(secret, f"{code[:3]} {code[3:]}", seconds * SECOND) == seconds // 30
    for wrong in ("", "28708", "2870820", "28708a", "٢٨٧٠٨٢"):
        assert window_of(secret, wrong, 59 * SECOND) is None


def test_recovery_codes_are_told_apart_by_their_letters_only() -> None:
    code = one_time_codes.new_recovery_codes()[0]
    assert hash_recovery_code(f" {code.upper()} ") == hash_recovery_code(code.replace("-", ""))
    assert person_id(ANN) != hash_recovery_code(code)


async def test_every_page_leads_to_the_others_and_says_who_is_signed_in(harness: Harness) -> None:
    ann = await member(harness, "editor")
    for path in ("/", "/account", "/account/codes", f"/people/{harness.project}", "/sign-out", "/checks/none"):
        page = (await ann.get(path)).text
        assert "<bdi>Ann</bdi>" in page, path
        assert 'href="/incidents"' in page, path
        assert 'href="/sign-out"' in page, path
    assert 'href="/incidents"' not in (await Browser(harness).get("/sign-in")).text
    ann.cookies.set("pingfold_theme", "dark")
    assert 'data-theme="dark"' in (await ann.get("/account")).text
