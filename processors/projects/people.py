"""What the `projects` fold decides about people, in the partition that a person belongs to. Pure.

See `schemas.people`. A code is used once: what is used up is in the record of the person, so that no two processes take
the same one. Whatever changes how he signs in ends all his sessions, by the next epoch.
"""

from msgspec import UNSET
from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import RequestRejected
from schemas.base import Micros
from schemas.people import CodeUse, Person, PersonMade, PersonRequest, PersonUpdate, person_id, person_key
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
        person = self._view.get(person_key(key))
        if not isinstance(person, Person):
            raise RequestRejected(RejectionCode.PERSON_NOT_FOUND)
        if isinstance(request, PersonUpdate):
            return self._update(request, person)
        return self._use_code(request, person)

    def _make(self, request: PersonMade, key: str, at: Micros) -> list[Effect]:
        if key != person_id(request.mail):
            raise InvalidEvent("a person is keyed by the id that is derived from his mail address")
        there = self._view.get(person_key(key))
        if isinstance(there, Person):
            return [decision(request, "found", key, there.version)]
        person = Person(
            id=key, mail=normalized(request.mail), name=request.name, version=1, created=at, password=request.password
        )
        self._view.put(person_key(key), person)
        return [decision(request, "made", key, person.version)]

    def _update(self, request: PersonUpdate, person: Person) -> list[Effect]:
        if request.based_on is not None and request.based_on != person.version:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)
        given = {name: value for name in _CHANGED if (value := getattr(request, name)) is not UNSET}
        changed = replace(person, **given)
        if request.sign_out or (changed.password, changed.totp) != (person.password, person.totp):
            changed = replace(changed, epoch=person.epoch + 1)
        return self._put(request, person, changed)

    def _use_code(self, request: CodeUse, person: Person) -> list[Effect]:
        if (request.step is None) == (request.recovery is None):
            raise InvalidEvent("one code is used: of a window, or for recovery")
        if request.step is not None:
            if request.step <= person.totp_step:
                raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the code was used")
            return self._put(request, person, replace(person, totp_step=request.step))
        if request.recovery not in person.recovery:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the code was used")
        left = tuple(one for one in person.recovery if one != request.recovery)
        return self._put(request, person, replace(person, recovery=left))

    def _put(self, request: PersonRequest, person: Person, changed: Person) -> list[Effect]:
        if changed != person:
            changed = replace(changed, version=person.version + 1)
            self._view.put(person_key(person.id), changed)
        return [decision(request, "updated", person.id, changed.version)]
