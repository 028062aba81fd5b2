"""Decisions of the `projects` fold about API keys: create, rotate, revoke. Pure.

Revoked keys are kept without their hash for reference: the newest `MOST_REVOKED` of each project.
"""

from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey, Project, RevokedKey, definition_key
from schemas.rejections import RejectionCode
from schemas.requests import KeyCreate, KeyRevoke, KeyRotate

MOST_REVOKED = 100


class ProjectKeys:
    """The API keys of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index

    def decide(self, request: KeyCreate | KeyRotate | KeyRevoke, project: Project, at: Micros) -> list[Effect]:
        match request:
            case KeyCreate():
                return self._create(request, project, at)
            case KeyRotate():
                return self._rotate(request, project, at)
            case KeyRevoke():
                key = self._index.key(project.id, request.id)
                self._revoke(key, at)
                return [decision(request, "removed", key.id)]

    def _create(self, request: KeyCreate, project: Project, at: Micros) -> list[Effect]:
        """A new key. One that was revoked does not come back under its id."""
        if self._is_there(request.key, project):
            return [decision(request, "found", request.key.id)]
        self._view.put(definition_key(request.key), replace(request.key, created=at))
        return [decision(request, "made", request.key.id)]

    def _rotate(self, request: KeyRotate, project: Project, at: Micros) -> list[Effect]:
        """A new key that opens what the old one opens; the old one expires when the overlap ends, or is revoked."""
        if self._is_there(request.key, project):
            return [decision(request, "found", request.key.id)]
        if self._was_revoked(request.id, project):  # by another rotation that came first, most likely
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE, "the key was rotated or revoked already")
        old = self._index.key(project.id, request.id)
        if request.key.kind != old.kind:
            raise RequestRejected(RejectionCode.WRONG_KEY_KIND)
        new = replace(request.key, created=at, name=old.name, scopes=old.scopes)
        self._view.put(definition_key(new), new)
        until = at + request.overlap * SECOND
        if request.overlap == 0:
            self._revoke(old, at)
        elif old.expires is None or old.expires > until:
            self._view.put(definition_key(old), replace(old, expires=until))
        return [decision(request, "made", new.id)]

    def _is_there(self, key: ApiKey, project: Project) -> bool:
        if key.project != project.id:
            raise InvalidEvent("keyed by another project")
        if self._view.get(f"revoked-key/{key.id}") is not None:
            raise RequestRejected(RejectionCode.ALREADY_EXISTS)
        return self._index.is_there(key)

    def _was_revoked(self, id: str, project: Project) -> bool:
        record = self._view.get(f"revoked-key/{id}")
        return isinstance(record, RevokedKey) and record.project == project.id

    def _revoke(self, key: ApiKey, at: Micros) -> None:
        """From now on the key opens nothing."""
        # A record of another kind: whatever looks for keys, in an older process too, finds no key any more.
        self._view.delete(definition_key(key))
        revoked = RevokedKey(
            id=key.id,
            project=key.project,
            kind=key.kind,
            prefix=key.prefix,
            created=key.created,
            revoked=at,
            name=key.name,
            scopes=key.scopes,
            expires=key.expires,
        )
        self._view.put(definition_key(revoked), revoked)
        for id in self._index.revoked_keys(key.project)[:-MOST_REVOKED]:
            self._view.delete(f"revoked-key/{id}")
