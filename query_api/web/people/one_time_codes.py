"""`/account/codes`: one-time codes as the second step of a sign-in, and the recovery codes beside them.

A new key is shown as a QR code and as text, and counts when a code of it is shown together with the password. Until
then it is in the form only, encrypted for the person, and the recovery codes with it. These are shown when the key
counts; only their hashes are stored. The form that comes again, to whichever process, changes nothing and shows those
that are left: it needs the password and a code, as before. Another key, or none any more, ends all sessions but the one
in which that was asked for.
"""

import io
from typing import Any, NamedTuple

import segno
from fastapi import APIRouter, FastAPI, Request, Response

from infra.secrets.one_time_codes import (
    WINDOW_SECONDS,
    hash_recovery_code,
    link_of,
    new_recovery_codes,
    new_secret,
    window_of,
)
from infra.secrets.secrets import SecretError
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.page import page
from query_api.web.people.account import WRONG_PASSWORD, OwnForm, change_person, has_password, own_person, renewed
from query_api.web.people.identity import totp_place
from query_api.web.people.person_changes import NotChanged, person_seen
from query_api.web.people.sign_in import error_words, led_to, with_cookie
from query_api.web.viewer import ADMIN, Viewer, ViewerDep
from schemas.people import Person

router = APIRouter(include_in_schema=False)

_WRONG_CODE = "This code is not of the key that is shown. Look whether the clock of your device is right."


class NewKey(NamedTuple):
    """A key that is not asked for yet, and the recovery codes that go with it."""

    secret: str
    recovery: tuple[str, ...]


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/account/codes")
async def codes_page(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """A new key; how to be without one where there is one."""
    return await _page(request, deps, own_person(deps, viewer), _new_key())


@router.post("/account/codes")
async def ask_for_codes(request: Request, deps: DependenciesDep, own: OwnForm) -> Response:
    """From now on codes of the key in `sealed` are asked for: `code` is one, `password` is his."""
    person, form = own
    new = _sent_key(deps, person, form.one("sealed"))
    window = window_of(new.secret, form.one("code"), deps.clock.now())
    if window is None:
        return await _page(request, deps, person, new, 400, code_problem=_WRONG_CODE)
    try:
        if not await has_password(request, deps, person, form.raw("password")):
            return await _page(request, deps, person, new, 403, password_problem=WRONG_PASSWORD)
        changed = await _with_key(deps, form.viewer, person, new, window)
    except ApiError as slowed:
        return await _page(request, deps, person, new, slowed.status, password_problem=error_words(slowed))
    except NotChanged as refused:
        return await _page(request, deps, person, new, refused.status, problem=refused.words)
    codes = [code for code in new.recovery if hash_recovery_code(code) in changed.recovery]
    answer = await page("recovery_codes.html", deps, request=request, codes=codes)
    return with_cookie(answer, renewed(deps, changed))


@router.post("/account/codes/off")
async def ask_for_no_codes(request: Request, deps: DependenciesDep, own: OwnForm) -> Response:
    """From now on the `password` is enough."""
    person, form = own
    try:
        if not await has_password(request, deps, person, form.raw("password")):
            return await _page(request, deps, person, _new_key(), 403, off_problem=WRONG_PASSWORD)
        changed = await change_person(deps, form.viewer, person, totp="", recovery=())
    except ApiError as slowed:
        return await _page(request, deps, person, _new_key(), slowed.status, off_problem=error_words(slowed))
    except NotChanged as refused:
        return await _page(request, deps, person, _new_key(), refused.status, problem=refused.words)
    return with_cookie(led_to(deps, "/account"), renewed(deps, changed))


async def _with_key(deps: Dependencies, viewer: Viewer, person: Person, new: NewKey, window: int) -> Person:
    """The person, asked for codes of the key. He is changed once, also when two processes have his form at the same
    moment. Raises `NotChanged`."""
    if _has_key(deps, person, new):
        return person
    fields = {
        "totp": deps.encrypt(new.secret, totp_place(person.id)),
        "totp_step": window,
        "recovery": tuple(map(hash_recovery_code, new.recovery)),
    }
    try:
        return await change_person(deps, viewer, person, **fields)
    except NotChanged:
        await person_seen(deps, person.id, person.version + 1)
        now = deps.directory.people.person(person.id)
        if now is None or not _has_key(deps, now, new):
            raise
        return now


def _has_key(deps: Dependencies, person: Person, new: NewKey) -> bool:
    try:
        return bool(person.totp) and deps.decrypt(person.totp, totp_place(person.id)) == new.secret
    except SecretError:  # of another key of stored secrets: it cannot be this one
        return False


async def _page(
    request: Request, deps: Dependencies, person: Person, new: NewKey, status: int = 200, **problems: Any
) -> Response:
    drawn, secret = io.BytesIO(), new.secret
    link = link_of(secret, person.mail or ADMIN, deps.settings.site_name)
    segno.make(link, error="m", micro=False).save(drawn, kind="svg", scale=5, border=4, xmldecl=False, light="white")
    values: dict[str, Any] = {
        "codes": bool(person.totp),
        "qr": "data:image/svg+xml," + _quoted(drawn.getvalue().decode()),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "sealed": deps.encrypt(" ".join((secret, *new.recovery)), _new_place(person.id)),
        "seconds": WINDOW_SECONDS,
    }
    return await page("one_time_codes.html", deps, status, request=request, **(values | problems))


def _quoted(svg: str) -> str:
    """The picture as a data URL takes it."""
    return "".join(f"%{ord(letter):02X}" if letter in '%#<>"\n' else letter for letter in svg)


def _new_key() -> NewKey:
    return NewKey(new_secret(), new_recovery_codes())


def _sent_key(deps: Dependencies, person: Person, sealed: str) -> NewKey:
    """The key that a form holds. Raises `ApiError`."""
    try:
        secret, *recovery = deps.decrypt(sealed, _new_place(person.id)).split()
    except (SecretError, ValueError):
        recovery = []
    if not recovery:
        raise ApiError(400, "sealed: this is not the key of your page; open it again")
    return NewKey(secret, tuple(recovery))


def _new_place(person: str) -> str:
    """The place of a key that is not his yet."""
    return f"{totp_place(person)}/new"
