"""Decisions of the `projects` fold about people, in the partition of the person. Pure.

See `schemas.people`. A one-time code works once: the record of the person contains the used codes, so that two
processes cannot accept the same code. It also counts wrong codes: after `MOST_WRONG_CODES`, whatever process was asked,
no code is accepted for a while. Recovery codes cannot be guessed, but count all the same.

A change of the sign-in ends all sessions of the person, by the next epoch. Epoch and version of a new person start at
the time, so that they exceed those of an earlier person with the same address.
"""

from msgspec import UNSET
from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import RequestRejected
from schemas.base import Micros
from schemas.people import (
    MOST_ENDED,
    MOST_WRONG_CODES,
    OWNER,
    CodeUse,
    CodeWrong,
    EndedSession,
    Person,
    PersonMade,
    PersonRemove,
    PersonRequest,
    PersonUpdate,
    SessionEnd,
    person_id,
    person_key,
    recent_wrong_codes,
)
from schemas.recipients import normalized
from schemas.rejections import RejectionCode

_CHANGED = ("name", "password", "totp", "totp_step", "recovery", "subject")


class People:
    """The people of one partition."""

    def __init__(self, view: View) -> None:
        self._view = view

    def decide(self, request: PersonRequest, key: str, at: Micros) -> list[Effect]:
        """Decide a request that is keyed by a person."""
        if isinstance(request, PersonMade):
            return self._make(request, key, at)
        person = self._person(key, at)
        match request:
            case PersonUpdate():
                return self._update(request, person)
            case CodeUse():
                return self._use_code(request, person, at)
            case CodeWrong():
                wrong = (*recent_wrong_codes(person, at), at)[-MOST_WRONG_CODES:]
                return self._put(request, person, replace(person, wrong_codes=wrong))
            case SessionEnd():
                return self._end_session(request, person, at)
            case PersonRemove():
                return self._remove(request, person)

    def _person(self, key: str, at: Micros) -> Person:
        """Whoever the key is. The owner of the instance is there from the beginning."""
        person = self._view.get(person_key(key))
        if isinstance(person, Person):
            return person
        if key == OWNER:
            return Person(id=OWNER, mail="", name="admin", version=0, created=at)
        raise RequestRejected(RejectionCode.PERSON_NOT_FOUND)

    def _make(self, request: PersonMade, key: str, at: Micros) -> list[Effect]:
        if key != person_id(request.mail):
            raise InvalidEvent("a person is keyed by the id that is derived from his mail address")
        there = self._view.get(person_key(key))
        if isinstance(there, Person):
            return [decision(request, "found", key, there.version)]
        person = Person(
            id=key,
            mail=normalized(request.mail),
            name=request.name,
            version=max(1, at),
            created=at,
            password=request.password,
            epoch=at,
        )
        self._view.put(person_key(key), person)
        return [decision(request, "made", key, person.version)]

    def _update(self, request: PersonUpdate, person: Person) -> list[Effect]:
        if request.based_on is not None and request.based_on != person.version:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)
        given = {name: value for name in _CHANGED if (value := getattr(request, name)) is not UNSET}
        changed = replace(person, **given)
        if request.sign_out or (changed.password, changed.totp) != (person.password, person.totp):
            changed = _signed_out(changed)
        return self._put(request, person, changed)

    def _end_session(self, request: SessionEnd, person: Person, at: Micros) -> list[Effect]:
        ended = {one.nonce: one for one in person.ended if at < one.until}
        if at < request.until:
            ended[request.nonce] = EndedSession(request.nonce, request.until)
        changed = replace(person, ended=tuple(ended.values()))
        return self._put(request, person, changed if len(ended) <= MOST_ENDED else _signed_out(changed))

    def _remove(self, request: PersonRemove, person: Person) -> list[Effect]:
        if person.id == OWNER:
            raise InvalidEvent("the owner of the instance is not removed")
        self._view.delete(person_key(person.id))
        return [decision(request, "removed", person.id, person.version)]

    def _use_code(self, request: CodeUse, person: Person, at: Micros) -> list[Effect]:
        if (request.step is None) == (request.recovery is None):
            raise InvalidEvent("one code is used: of a window, or for recovery")
        if request.step is not None:
            if len(recent_wrong_codes(person, at)) >= MOST_WRONG_CODES:
                raise RequestRejected(RejectionCode.LIMIT_REACHED, "too many wrong codes were shown")
            if request.step <= person.totp_step:
                raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the code was used")
            return self._put(request, person, replace(person, totp_step=request.step, wrong_codes=()))
        if request.recovery not in person.recovery:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the code was used")
        left = tuple(one for one in person.recovery if one != request.recovery)
        return self._put(request, person, replace(person, recovery=left, wrong_codes=()))

    def _put(self, request: PersonRequest, person: Person, changed: Person) -> list[Effect]:
        if changed != person:
            changed = replace(changed, version=person.version + 1)
            self._view.put(person_key(person.id), changed)
        return [decision(request, "updated", person.id, changed.version)]


def _signed_out(person: Person) -> Person:
    """All his sessions end, so that those which he ended one by one need not be remembered."""
    return replace(person, epoch=person.epoch + 1, ended=())
