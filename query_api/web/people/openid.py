"""`/sign-in/oidc`: signing in at an OpenID Connect provider, if the operator has set one.

What belongs together on the way there and back follows from a random number in a cookie of the browser that began: the
state, the nonce and the verifier of PKCE. So nobody is signed in who did not begin in the same browser, and nothing is
kept here.

The provider proves a mail address. Who has it is the person with that address, from then on by the provider's own name
for him: another who gets the address later is not let in, and he himself is with another address. Whoever is new must
be invited, and his open invitations are accepted by it. A password and codes that were set before an address was proved
are removed: somebody else may have set them, with an invitation that went astray.
"""

import hmac
import secrets
import time
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from infra.budgets import Budgets
from infra.openid_provider import Identity, OpenIdProvider, ProviderFailed
from query_api.actors import address_of
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import local_path
from query_api.web.people.identity import OF_ADDRESS, customer_of_request
from query_api.web.people.person_changes import NotChanged, ask_for, member_seen, person_seen
from query_api.web.people.sessions import cookie_name
from query_api.web.people.sign_in import sign_in_form, signed_in
from schemas.actors import Actor
from schemas.ids import derived_id, new_id
from schemas.people import MemberAccept, Person, PersonMail, PersonName, PersonUpdate, person_id
from schemas.recipients import normalized

log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)

BACK = "/sign-in/oidc/back"
_SECONDS = 600
_BYTES = 32
_NO_ACCOUNT = "Nobody with your mail address is invited here. Ask the owner of a project for an invitation."
_FAILED = "Signing in at the provider did not succeed. Please try again."
_OTHER = "This mail address is known here by another account of the provider. Ask the owner of this site."


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the routes into the application, if a provider is set."""
    if deps.settings.oidc_issuer is None:
        return
    app.state.openid = OpenIdProvider(deps.settings, f"{deps.settings.base_url}{BACK}")
    app.state.openid_addresses = Budgets(OF_ADDRESS, time.monotonic)
    include(app, router)


@router.get("/sign-in/oidc")
async def begin(request: Request, deps: DependenciesDep, next: str = "/") -> Response:
    """Send the browser to the provider."""
    _spend(request)
    number = secrets.token_hex(_BYTES)
    provider: OpenIdProvider = request.app.state.openid
    try:
        url = await provider.authorization_url(*(_part(deps, number, what) for what in ("state", "nonce", "verifier")))
    except ProviderFailed as failed:
        return await _refused(request, deps, failed, 503, _FAILED)
    answer = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    answer.headers["Set-Cookie"] = _cookie(deps, f"{number}.{quote(local_path(next), safe='')}", _SECONDS)
    return answer


@router.get(BACK)
async def back(request: Request, deps: DependenciesDep, code: str = "", state: str = "") -> Response:
    """The browser comes back with a code."""
    _spend(request)
    number, _, next = request.cookies.get(_cookie_name(deps), "").partition(".")
    if len(number) != 2 * _BYTES or not hmac.compare_digest(state.encode(), _part(deps, number, "state").encode()):
        return await sign_in_form(request, deps, 403, next="/", problem="This took too long. Please sign in again.")
    if not code:  # the person said no, or the provider did
        return await sign_in_form(request, deps, 403, next="/", problem=_FAILED)
    provider: OpenIdProvider = request.app.state.openid
    try:
        identity = await provider.identity(code, _part(deps, number, "nonce"), _part(deps, number, "verifier"))
    except ProviderFailed as failed:
        return await _refused(request, deps, failed, 403, _FAILED)
    try:
        person = await _person_of(request, deps, identity)
    except NotChanged as refused:
        return await sign_in_form(request, deps, refused.status, next="/", problem=refused.words)
    answer = await signed_in(request, deps, person, local_path(unquote(next)))
    answer.headers.append("Set-Cookie", _cookie(deps, "", 0))
    return answer


async def _person_of(request: Request, deps: Dependencies, identity: Identity) -> Person:
    """The person that an identity is. Raises `NotChanged` with what he is told when it is none."""
    try:
        mail = normalized(msgspec.convert(identity.mail, PersonMail))
    except msgspec.ValidationError:
        raise NotChanged(403, _NO_ACCOUNT) from None
    domains = deps.settings.oidc_domains
    if domains and mail.rpartition("@")[2] not in domains:
        raise NotChanged(403, "People with a mail address of this domain do not sign in here by the provider.")
    id, subject = person_id(mail), derived_id("identity", deps.settings.oidc_issuer or "", identity.subject)
    named, there = deps.directory.people.of_subject(subject), deps.directory.people.person(id)
    if named is not None and named.id != id:  # he has got another address there; what is invited by it waits
        return named
    if there is not None and there.subject not in ("", subject):
        log.warning("openid.other_subject", person=id)
        raise NotChanged(403, _OTHER)
    actor = Actor(kind="person", key=id, user=mail, address=address_of(request))
    await _accept_invitations(deps, id, _name(identity, mail), actor)
    person = deps.directory.people.person(id)
    if person is None:
        raise NotChanged(403, _NO_ACCOUNT)
    if person.subject == subject:
        return person
    fields: dict[str, Any] = {"subject": subject, "password": "", "totp": "", "recovery": (), "sign_out": True}
    asked = PersonUpdate(request=new_id(), at=deps.clock.now(), based_on=person.version, **fields)
    decision = await ask_for(deps, id, asked, actor)
    await person_seen(deps, id, decision.version)
    linked = deps.directory.people.person(id)
    if linked is None or linked.subject != subject:
        raise NotChanged(503, "You cannot be signed in yet. Please try again in a moment.")
    return linked


async def _accept_invitations(deps: Dependencies, person: str, name: str, actor: Actor) -> None:
    """Join wherever the person is invited: the provider says whose address it is, which is more than a link does."""
    now = deps.clock.now()
    for member in deps.directory.people.memberships_of(person):
        if member.joined is not None or member.expires is None or member.expires <= now:
            continue
        asked = MemberAccept(request=new_id(), at=now, id=member.id, invitation=member.invitation, name=name)
        decision = await ask_for(deps, member.project, asked, actor)
        await person_seen(deps, person, decision.version)
        await member_seen(deps, member.id, member.version + 1)


def _name(identity: Identity, mail: str) -> str:
    try:
        return msgspec.convert(identity.name.strip()[:100], PersonName)
    except msgspec.ValidationError:
        return mail[:100]


def _part(deps: Dependencies, number: str, what: str) -> str:
    """What follows from the number of a cookie, for one use each: nothing of it tells another."""
    return deps.people_tokens.signature_of(f"openid {what} {number}")


def _cookie_name(deps: Dependencies) -> str:
    return f"{cookie_name(deps)}_oidc"


def _cookie(deps: Dependencies, value: str, seconds: int) -> str:
    name = _cookie_name(deps)
    jar = SimpleCookie({name: value})
    secure = deps.settings.base_url.startswith("https://")
    path = f"{deps.settings.root}/"
    attributes = (("path", path), ("max-age", seconds), ("samesite", "Lax"), ("httponly", True), ("secure", secure))
    for attribute, content in attributes:
        jar[name][attribute] = content
    return jar[name].OutputString()


def _spend(request: Request) -> None:
    budgets: Budgets = request.app.state.openid_addresses
    customer = customer_of_request(request)
    if (seconds := budgets.wait(customer)) > 0:
        raise ApiError(429, "too many attempts to sign in; try again later", {"Retry-After": str(int(seconds) + 1)})
    budgets.spend(customer)


async def _refused(request: Request, deps: Dependencies, failed: ProviderFailed, status: int, words: str) -> Response:
    log.warning("openid.failed", error=str(failed))
    return await sign_in_form(request, deps, status, next="/", problem=words)
