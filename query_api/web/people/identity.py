"""Whether a person is who he says he is: his password, and a second time his code. Guesses are slowed down.

Brakes on passwords: those of `query_api.pages.guessing`, for each name, whether anybody has it or not; and a budget of
each address over all names. Codes have a budget of their own for each person, which only who knows the password can
spend: in each process, and over all of them by what the fold counts (`CodeWrong`). Passwords are hashed in the pool; of
one address only a few wait there.
"""

import time
from math import ceil

from fastapi import Request

from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import Forwarded, customer_of
from infra.secrets.one_time_codes import hash_recovery_code, is_recovery_code, window_of
from infra.secrets.person_passwords import hash_person_password, is_person_password
from infra.secrets.secrets import SecretError
from query_api.actors import address_of
from query_api.dependencies import Dependencies
from query_api.http.refusals import ApiError
from query_api.pages.guessing import PasswordGuessLimiter
from query_api.web.people.person_changes import NotChanged, ask_for
from schemas.actors import Actor
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.people import (
    MOST_WRONG_CODES,
    OWNER,
    WRONG_CODES_SPAN,
    CodeUse,
    CodeWrong,
    Person,
    person_id,
    recent_wrong_codes,
)
from schemas.rejections import RejectionCode

LONGEST_PASSWORD, SHORTEST_PASSWORD = 200, 10

# Of all names that an address tries, and of the codes of a person.
OF_ADDRESS = Budget(50, 10.0)
OF_CODES = Budget(10, 300.0)


class Identities:
    """What the routes share: `app.state.identities`."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._guesses = PasswordGuessLimiter("sign-in", Forwarded(deps.settings.trusted_proxies))
        self._addresses, self._codes = Budgets(OF_ADDRESS, time.monotonic), Budgets(OF_CODES, time.monotonic)

    async def with_password(self, request: Request, mail: str, password: str) -> Person | None:
        """Who has this mail address and this password; None: nobody. Raises `ApiError` 429 and 503."""
        id, customer = person_id(mail), customer_of_request(request)
        _must_have_left(self._addresses, customer, "passwords")
        self._guesses.begin(id, request)
        self._addresses.spend(customer)
        person = self._deps.directory.people.person(id)
        stored = "" if person is None else person.password
        password = password[: LONGEST_PASSWORD + 1]  # a longer one is nobody's, and costs no more
        try:
            right = await self._deps.password_pool.run(f"sign-in {customer}", is_person_password, password, stored)
        except BaseException:
            self._guesses.unseen(id, request)
            self._addresses.give_back(customer)
            raise
        if not right:
            self._guesses.wrong(id, request)
            return None
        self._guesses.right(id, request)
        self._addresses.give_back(customer)
        return person

    async def is_code(self, request: Request, person: Person, code: str) -> bool:
        """Whether it is a code of the person that was not used; from now on it is. Raises `ApiError`, `NotChanged`."""
        use, now = self._use_of(person, code), self._deps.clock.now()
        is_short = not is_recovery_code(code)
        if is_short:  # A recovery code is not guessed: it goes on being taken while somebody else guesses.
            _must_have_left(self._codes, person.id, "codes")
            _must_not_be_closed(person, now)
            self._codes.spend(person.id)
        try:
            await ask_for(self._deps, person.id, use or CodeWrong(request=new_id(), at=now), _actor(request, person))
        except NotChanged as refused:
            if refused.status == 503:
                self._codes.give_back(person.id)
                raise
            if refused.code is RejectionCode.LIMIT_REACHED:
                raise _too_many("codes", WRONG_CODES_SPAN / MOST_WRONG_CODES / SECOND) from None
            return False  # it was used
        if use is None:
            return False
        self._codes.forgive(person.id)
        return True

    def _use_of(self, person: Person, code: str) -> CodeUse | None:
        now = self._deps.clock.now()
        if is_recovery_code(code):
            hashed = hash_recovery_code(code)
            found = hashed if hashed in person.recovery else None
            return None if found is None else CodeUse(request=new_id(), at=now, recovery=found)
        try:
            secret = self._deps.decrypt(person.totp, totp_place(person.id))
        except SecretError:
            raise ApiError(503, "codes cannot be checked: the key of stored secrets is another one") from None
        window = window_of(secret, code, now)
        return None if window is None else CodeUse(request=new_id(), at=now, step=window)

    async def hashed(self, request: Request, password: str) -> str:
        """What is stored of a new password. Raises `ApiError` 503."""
        return await self._deps.password_pool.run(
            f"sign-in {customer_of_request(request)}", hash_person_password, password
        )


def identities_of(request: Request) -> Identities:
    """Those of the application that serves a request."""
    identities: Identities = request.app.state.identities
    return identities


def totp_place(person: str) -> str:
    """The place of the key of a person's one-time codes."""
    return f"person/{person}/totp"


def password_fault(password: str, repeated: str, mail: str) -> str:
    """What is wrong with a new password; empty: nothing."""
    if len(password) < SHORTEST_PASSWORD:
        return f"A password has at least {SHORTEST_PASSWORD} characters."
    if len(password) > LONGEST_PASSWORD:
        return f"A password has at most {LONGEST_PASSWORD} characters."
    if password != repeated:
        return "The two passwords are not the same."
    if password.lower() in (mail.lower(), mail.partition("@")[0].lower()) or len(set(password)) < 4:
        return "This password is too easy to guess."
    return ""


def _must_have_left(budgets: Budgets, key: str, what: str) -> None:
    if (seconds := budgets.wait(key)) > 0:
        raise _too_many(what, seconds)


def _must_not_be_closed(person: Person, now: Micros) -> None:
    wrong = recent_wrong_codes(person, now)
    if len(wrong) >= MOST_WRONG_CODES:
        raise _too_many("codes", (wrong[0] + WRONG_CODES_SPAN - now) / SECOND)


def _too_many(what: str, seconds: float) -> ApiError:
    words = f"too many wrong {what}; try again in {ceil(seconds)} s"
    return ApiError(429, words, {"Retry-After": str(ceil(seconds)), "Cache-Control": "no-store"})


def _actor(request: Request, person: Person) -> Actor:
    if person.id == OWNER:
        return Actor(kind="admin", address=address_of(request))
    return Actor(kind="person", key=person.id, user=person.mail, address=address_of(request))


def customer_of_request(request: Request) -> str:
    """Who counts as one in budgets of addresses: an address, or the network of an IPv6 customer."""
    address = address_of(request)
    return customer_of(address) or address
