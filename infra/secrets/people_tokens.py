"""What this installation signs for people: sessions, the second step of a sign-in, invitations, and forms.

Each purpose has a key of its own, derived from that of the vault. So a token of one opens nothing of another, and a
token of another Pingfold opens nothing here. Nothing is kept in a process: any web process reads what another made.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from infra.secrets.secrets import Vault
from infra.secrets.signed_tokens import TokenSigner
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid

_ID_BYTES, _STAMP_BYTES, _TIME_BYTES, _NONCE_BYTES = 16, 8, 5, 8
_NOBODY = bytes(_ID_BYTES)
# What a link of an invitation has between the address of this Pingfold and the token.
INVITATIONS = "/invitations/"


class Session(NamedTuple):
    """A sign-in of a browser.

    person: his id; empty: the owner of the instance. stamp: 8 bytes; a session whose stamp is not that of the person
    any more has ended. began: when he signed in; seen: when he was last seen; whole seconds. nonce: another one for
    each sign-in.
    """

    person: str
    stamp: bytes
    began: Micros
    seen: Micros
    nonce: bytes


class HalfSignIn(NamedTuple):
    """Whose password was right, and until when the second step may follow."""

    person: str
    stamp: bytes
    expires: Micros


class Invitation(NamedTuple):
    """What the link of an invitation says. member: id of the membership; invitation: which one of it."""

    member: str
    invitation: str
    expires: Micros


class PeopleTokens:
    """Makes tokens and reads them. derive: gives a key for a purpose (`Vault.derived_key`)."""

    def __init__(self, derive: Callable[[str], bytes]) -> None:
        self._sessions = TokenSigner(
            derive("sessions of people"), _ID_BYTES + _STAMP_BYTES + 2 * _TIME_BYTES + _NONCE_BYTES
        )
        self._halves = TokenSigner(derive("second step of a sign-in"), _ID_BYTES + _STAMP_BYTES + _TIME_BYTES)
        self._invitations = TokenSigner(derive("invitations"), 2 * _ID_BYTES + _TIME_BYTES)
        self._forms, self._stamps = derive("forms"), derive("stamps")
        self._carried = derive("forms carried through")
        # Browsers send the cookies of one port of a host to all others: two Pingfolds of a host have their own names.
        self.name = derive("name of the session cookie")[:4].hex()

    def new_session(self, person: str, stamp: bytes, now: Micros) -> Session:
        """A session that begins now; unlike any before, even of the same person and moment."""
        return Session(person, stamp, now, now, secrets.token_bytes(_NONCE_BYTES))

    def session_token(self, session: Session) -> str:
        """The token of a session."""
        times = _time(session.began) + _time(session.seen)
        return self._sessions.token(_id(session.person) + session.stamp + times + session.nonce)

    def read_session(self, token: str) -> Session | None:
        """The session that a token says, over or not; None for one that was not made here."""
        said = self._sessions.read(token)
        if said is None:
            return None
        stamp, rest = said[_ID_BYTES : _ID_BYTES + _STAMP_BYTES], said[_ID_BYTES + _STAMP_BYTES :]
        began, seen = _moment(rest[:_TIME_BYTES]), _moment(rest[_TIME_BYTES : 2 * _TIME_BYTES])
        return Session(_person(said[:_ID_BYTES]), stamp, began, seen, rest[2 * _TIME_BYTES :])

    def half_token(self, half: HalfSignIn) -> str:
        """The token that lets the second step follow."""
        return self._halves.token(_id(half.person) + half.stamp + _time(half.expires))

    def read_half(self, token: str) -> HalfSignIn | None:
        """What such a token says, expired or not; None for one that was not made here."""
        said = self._halves.read(token)
        if said is None:
            return None
        stamp = said[_ID_BYTES : _ID_BYTES + _STAMP_BYTES]
        return HalfSignIn(_person(said[:_ID_BYTES]), stamp, _moment(said[_ID_BYTES + _STAMP_BYTES :]))

    def invitation_token(self, invitation: Invitation) -> str:
        """The token of an invitation. Raises `ValueError` for an id that is none."""
        if not is_uuid(invitation.member) or not is_uuid(invitation.invitation):
            raise ValueError("no invitation")
        ids = UUID(invitation.member).bytes + UUID(invitation.invitation).bytes
        return self._invitations.token(ids + _time(invitation.expires))

    def read_invitation(self, token: str) -> Invitation | None:
        """What the token of an invitation says, expired or not; None for one that was not made here."""
        said = self._invitations.read(token)
        if said is None:
            return None
        member, invitation = said[:_ID_BYTES], said[_ID_BYTES : 2 * _ID_BYTES]
        return Invitation(_person(member), _person(invitation), _moment(said[2 * _ID_BYTES :]))

    def form_token(self, session: bytes) -> str:
        """What every form of a session carries. session: what tells it from others."""
        return urlsafe_b64encode(hmac.digest(self._forms, session, "sha256")[:18]).decode()

    def stamp_of(self, what: str) -> bytes:
        """A stamp that changes when `what` does, and tells nothing of it."""
        return hmac.digest(self._stamps, what.encode(), "sha256")[:_STAMP_BYTES]

    def signature_of(self, carried: str) -> str:
        """The signature of a text, such as that of a form that is carried through a sign-in."""
        return hmac.digest(self._carried, carried.encode("utf-8", "surrogatepass"), "sha256").hex()


def people_tokens(vault: Vault) -> PeopleTokens:
    """Those of this installation."""
    return PeopleTokens(vault.derived_key)


def _id(person: str) -> bytes:
    return UUID(person).bytes if person else _NOBODY


def _person(said: bytes) -> str:
    return "" if said == _NOBODY else str(UUID(bytes=said))


def _time(at: Micros) -> bytes:
    return (at // SECOND).to_bytes(_TIME_BYTES)


def _moment(said: bytes) -> Micros:
    return int.from_bytes(said) * SECOND
