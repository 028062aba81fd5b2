"""People who sign in, and what they are in projects. Pure.

A person is keyed by an id that is derived from his mail address. So one address is one partition and one person, and no
claim is needed for that. What he is in a project is decided in the partition of the project, where all who change its
people meet in one order (docs/decisions/0160-people.md):

    member.invite (key: the project) -> member/<id>, invited
    member.accept (key: the project) -> member/<id>, joined; person.made (key: the person) -> person/<id>, if it is new

Neither a password nor a code is in any event: passwords are hashed with Argon2id, recovery codes, which are random,
with SHA-256, and the key of one-time codes is encrypted by the vault, for its place only.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from schemas.base import SECOND, Fact, Micros
from schemas.ids import derived_id
from schemas.recipients import ADDRESS, normalized
from schemas.request_base import Request

Role = Literal["owner", "editor", "viewer"]
# As long as an actor is told.
PersonMail = Annotated[str, Meta(max_length=200, pattern=ADDRESS)]
# No line break or other control: a name stands in lists and logs.
PersonName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
PersonPassword = Annotated[str, Meta(max_length=300, pattern=r"^(\$argon2id\$[!-~]+)?\Z")]
RecoveryCode = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
RecoveryCodes = Annotated[tuple[RecoveryCode, ...], Meta(max_length=20)]
# What tells a session from others.
SessionNonce = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
WrongCodes = Annotated[tuple[Micros, ...], Meta(max_length=10)]

# Of a project, those who are invited among them.
MOST_MEMBERS = 1_000
# So long an invitation opens.
INVITATION_VALID: Micros = 7 * 86_400 * SECOND
# Of sessions that a person has ended himself so many are remembered; one more ends all of his.
MOST_ENDED = 50
# After so many wrong codes within that time no code is right until the first of them is that old.
MOST_WRONG_CODES = 10
WRONG_CODES_SPAN: Micros = 3_000 * SECOND
# The record of the owner of the instance: his name, one-time codes and sessions. His password is a setting, and he
# owns every project, so he has no memberships. No mail address has this id.
OWNER = derived_id("person", "the owner of the instance")


class EndedSession(Fact, tag=False, frozen=True):
    """A session that its person has ended. until: when it would have expired."""

    nonce: SessionNonce
    until: Micros


EndedSessions = Annotated[tuple[EndedSession, ...], Meta(max_length=100)]


class Person(Fact, tag="person", frozen=True):
    """The record `person/<id>` in `definitions`.

    mail: as it was given first. password: Argon2id, as the library writes it. totp: the key of one-time codes,
    encrypted; empty: none is asked for. totp_step: the last window (of 30 s) a code of which was used. recovery:
    SHA-256 of the recovery codes that are left. epoch: increases when all sessions end.
    subject: the person at the OpenID Connect provider, as a derived id; empty: not known yet.
    ended: sessions that were ended one by one. wrong_codes: when the newest wrong codes were shown, oldest first.

    That of the owner of the instance (`OWNER`) has no mail address and no password.
    """

    id: str
    mail: Annotated[str, Meta(max_length=200, pattern=rf"{ADDRESS}|^\Z")]
    name: PersonName
    version: int
    created: Micros
    password: PersonPassword = ""
    totp: str = ""
    totp_step: int = 0
    recovery: RecoveryCodes = ()
    epoch: int = 0
    subject: str = ""
    ended: EndedSessions = ()
    wrong_codes: WrongCodes = ()


class Member(Fact, tag="member", frozen=True):
    """The record `member/<id>` in `definitions`: what a person is in a project, or is invited to be.

    joined: when the person accepted; None: invited. invitation, expires: the invitation that opens, and until when.
    mailed: when a mail with it was asked for; None: it was not.
    """

    id: str
    project: str
    person: str
    mail: PersonMail
    role: Role
    version: int
    created: Micros
    joined: Micros | None = None
    invitation: str = ""
    expires: Micros | None = None
    mailed: Micros | None = None


class MemberInvite(Request, tag="member.invite", frozen=True):
    """Invites the owner of a mail address. An earlier invitation stops working.

    The id of the request is that of the invitation. site: the invitation is mailed, with a link to this address of the
    installation; empty: it is not, be it that no mail can be sent. language: of that mail; empty: English.
    """

    mail: PersonMail
    role: Role
    expires: Micros
    site: Annotated[str, Meta(max_length=1_000)] = ""
    language: Annotated[str, Meta(max_length=20)] = ""


class MemberAccept(Request, tag="member.accept", frozen=True):
    """The invitation of the membership `id` is accepted. name, password: of a person who is new; nothing of one who is
    known is changed by them."""

    id: str
    invitation: str
    name: PersonName
    password: PersonPassword = ""


class MemberChange(Request, tag="member.change", frozen=True):
    id: str
    role: Role


class MemberRemove(Request, tag="member.remove", frozen=True):
    """Removes somebody from a project, or withdraws the invitation."""

    id: str


class PersonMade(Request, tag="person.made", frozen=True):
    """An invitation was accepted: creates the person. An existing person does not change."""

    mail: PersonMail
    name: PersonName
    password: PersonPassword = ""


class PersonUpdate(Request, tag="person.update", frozen=True):
    """Changes a person. based_on: the version that the change was made from; refused if it is not the current one.

    A new password, a change of one-time codes and `sign_out` end all sessions.
    """

    name: PersonName | UnsetType = UNSET
    password: PersonPassword | UnsetType = UNSET
    totp: Annotated[str, Meta(max_length=1_000)] | UnsetType = UNSET
    totp_step: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    recovery: RecoveryCodes | UnsetType = UNSET
    sign_out: bool = False
    subject: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET


class CodeUse(Request, tag="person.code-use", frozen=True):
    """A right code was shown at a sign-in: a one-time code of the window `step`, or the recovery code with a hash.

    Refused when it was used before, or a later one was.
    """

    step: Annotated[int, Meta(ge=0)] | None = None
    recovery: RecoveryCode | None = None


class CodeWrong(Request, tag="person.code-wrong", frozen=True):
    """A wrong one-time code was given after the right password. After too many, no code is accepted for a while."""


class SessionEnd(Request, tag="person.session-end", frozen=True):
    """One session of a person ends, wherever its cookie may be. until: when it would have ended by itself."""

    nonce: SessionNonce
    until: Micros


class PersonRemove(Request, tag="person.remove", frozen=True):
    """Deletes a person and ends all sessions. `member.remove` ends the memberships before.

    A later invitation of the same address creates a new person: nothing signed for the former one is valid.
    """


MemberRequest = MemberInvite | MemberAccept | MemberChange | MemberRemove
PersonRequest = PersonMade | PersonUpdate | CodeUse | CodeWrong | SessionEnd | PersonRemove
PeopleRequest = MemberRequest | PersonRequest


def recent_wrong_codes(person: Person, at: Micros) -> tuple[Micros, ...]:
    """When wrong codes were shown that count at a time; what a clock told wrong, and is still to come, does not."""
    return tuple(one for one in person.wrong_codes if at - WRONG_CODES_SPAN < one <= at)


def person_id(mail: str) -> str:
    """The id of whoever has a mail address, however its ASCII letters are written."""
    return derived_id("person", normalized(mail))


def member_id(project: str, person: str) -> str:
    """The id of what a person is in a project."""
    return derived_id("member", project, person)


def person_key(id: str) -> str:
    """The key of the record of a person."""
    return f"person/{id}"


def member_key(id: str) -> str:
    """The key of the record of a membership."""
    return f"member/{id}"
