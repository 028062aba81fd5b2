"""Whether the keys of the command suffice for what it is about to do: asked before anything is changed."""

from collections.abc import Iterable

from pingfold.declared.api import Api, ApiRefused
from pingfold.declared.kinds import KINDS
from pingfold.errors import CommandFailed
from schemas.definitions import KeyScope

_CHANNELS = "/api/v3/channels/"
_ONLY_READS = (
    "the key of the Management API in PINGFOLD_KEY (or credentials.json) may only read, which hides the UUIDs of "
    "checks: give one that may write"
)
# What may only be read with the key of each scope.
_READS: dict[KeyScope, KeyScope] = {
    "monitors:write": "monitors:read",
    "alerts:write": "alerts:read",
    "status-pages:write": "status-pages:read",
}


def must_read(api: Api) -> None:
    """Refuse keys that do not show everything, and two that are of different projects. Raises `CommandFailed`."""
    theirs = _channels_by_management_api(api) if api.has_key("healthchecks") else None
    _must_have(api, _READS.values(), "read")
    if theirs is None:
        return
    ours = {one["id"] for one in api.all("poppaping", "/api/v1/alert-channels")}
    if theirs and ours and not theirs & ours:
        raise CommandFailed("the two keys are of different projects: give two of one project")


def must_know(api: Api, sections: Iterable[str]) -> None:
    """Refuse files with things for which there is no key. Raises `CommandFailed`."""
    for section in sections:
        api.key_of(KINDS[section].api)


def must_write(api: Api, sections: Iterable[str]) -> None:
    """Refuse keys that may not do a plan which changes things of these sections. Raises `CommandFailed`."""
    sections = tuple(sections)
    must_know(api, sections)
    _must_have(api, [KINDS[one].scope for one in sections if KINDS[one].api == "poppaping"], "do that")


def _channels_by_management_api(api: Api) -> set[str]:
    try:
        return {one["id"] for one in api.call("healthchecks", "GET", _CHANNELS)["channels"]}
    except ApiRefused as refused:
        if refused.status != 401:
            raise
    # A key that is not valid at all may not read the checks either, and is refused in the words of the server.
    api.call("healthchecks", "GET", KINDS["checks"].path)
    raise CommandFailed(_ONLY_READS)


def _must_have(api: Api, scopes: Iterable[KeyScope], what: str) -> None:
    given = api.call("poppaping", "GET", "/api/v1/account")["key"]["scopes"]
    missing = sorted({*scopes} - {*given}) if given else []
    if missing:
        raise CommandFailed(
            f"the key of the PoppaPing API in PINGFOLD_KEY may not {what}: it lacks {', '.join(missing)}. "
            "Make one that may: pingfold key create poppaping"
        )
