"""Checks and channels of another Healthchecks, as its Management API tells them. Pure.

It may be Healthchecks.io, a self-hosted copy, Upmon or another Pingfold. What it tells is not trusted: each field is
judged by the rules of our own API, and one that breaks them is left out with the reason, or its check is when it cannot
be watched without. A channel is told by its id, name and kind alone (Pingfold tells more): where it sends to is known
only to who made it, so a channel of the same name has to be there, or be made, before it is put on checks.
"""

from collections.abc import Mapping
from typing import Any

from pingfold.imports.things import Found, NotReadable, WantedChannel, WantedCheck, shortened, unlike
from query_api.healthchecks.fields import InvalidBody, read, wanted
from schemas.channels.kinds import CHANNEL_KINDS, kind_named
from schemas.ids import is_uuid

# In the order in which Healthchecks tells them.
_COPIED = (
    *("name", "tags", "desc", "timeout", "grace", "schedule", "tz", "methods", "manual_resume"),
    *("start_kw", "success_kw", "failure_kw", "filter_subject", "filter_body", "filter_http_body"),
    *("filter_default_fail", "late_limit", "run_limit"),
)
# The field that says where a channel sends to, where that is told.
_SHOWN = {"webhook": "url", "email": "email"}
MOST_CHECKS = 100_000


def read_checks(told: object, channels: Mapping[str, str], keep_uuids: bool) -> Found:
    """The checks in an answer of `GET checks/`. channels: their names by the ids of `GET channels/`.

    keep_uuids: they are to be made with the UUIDs that they have. Raises `NotReadable`.
    """
    checks = told.get("checks") if isinstance(told, dict) else None
    if not isinstance(checks, list) or not all(isinstance(one, dict) for one in checks):
        raise NotReadable("the response has no list of checks: this is not the Management API of Healthchecks")
    if len(checks) > MOST_CHECKS:
        raise NotReadable(f"it has {len(checks):,} checks; at most {MOST_CHECKS:,} are read at once")
    found = Found()
    for number, check in enumerate(checks, 1):
        _check(check, f"check {number}", channels, keep_uuids, found)
    return found


def _check(check: dict[str, Any], place: str, channels: Mapping[str, str], keep_uuids: bool, found: Found) -> None:
    given = check.get("name")
    name = given if isinstance(given, str) else ""
    slug = check.get("slug")
    what = f'"{shortened(name or str(slug or ""))}"' if name or slug else "without a name"
    uuid = check.get("uuid")
    if keep_uuids and not (isinstance(uuid, str) and is_uuid(uuid.lower())):
        raise NotReadable("the checks have no UUIDs, because the key is read-only; give a read-write key")
    told = {field: check[field] for field in _COPIED if check.get(field) is not None}
    if "success_kw" not in told and (check.get("subject") or check.get("subject_fail")):  # of an old version
        told |= {"success_kw": check.get("subject") or "", "failure_kw": check.get("subject_fail") or ""}
        told["filter_subject"] = True
    said, wrong = _judged(told)
    said_slug, wrong_slug = _judged({"slug": slug} if slug is not None else {})
    for field, why in (wrong | wrong_slug).items():
        found.leave(place, f"{what} {field}", why)
    if {"schedule", "timeout"} & {*wrong} and not {"schedule", "timeout"} & {*said}:
        found.leave(place, what, "without its schedule nobody knows when it is late")
        return
    try:
        wanted(said, makes=True, name_sets_slug=False)
    except InvalidBody as invalid:  # such as a schedule that never comes in its zone
        found.leave(place, what, str(invalid).removeprefix("json validation error: "))
        return
    found.checks.append(
        WantedCheck(
            place=place,
            name=name,
            slug=said_slug.get("slug", ""),
            fields={"name": name, **said},
            uuid=uuid.lower() if keep_uuids and isinstance(uuid, str) else None,
            paused=check.get("status") == "paused",
            channels=_channels_of(check, channels, place, what, found),
        )
    )


def _judged(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that our API takes, and why it does not take the others."""
    said: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field, value in fields.items():
        try:
            said |= read({field: value})
        except InvalidBody as invalid:
            wrong[field] = str(invalid).removeprefix("json validation error: ")
    return said, wrong


def _channels_of(
    check: dict[str, Any], channels: Mapping[str, str], place: str, what: str, found: Found
) -> tuple[str, ...] | None:
    ids = check.get("channels")
    if not isinstance(ids, str):
        return None  # a key that may only read is not told of them
    names = []
    for id in filter(None, ids.split(",")):
        if id in channels:
            names.append(channels[id])
        else:
            found.leave(place, f"{what} channels", f"{shortened(id)} is not in the list of channels there")
    return tuple(dict.fromkeys(names))


def read_channels(told: object, present: Mapping[str, str], found: Found) -> dict[str, str]:
    """The names of the channels in an answer of `GET channels/`, by their ids there; those that can be made are put
    into `found`. present: the kinds of the channels that are here, by their names. Raises `NotReadable`."""
    channels = told.get("channels") if isinstance(told, dict) else None
    if not isinstance(channels, list):
        raise NotReadable("the response has no list of channels: this is not the Management API of Healthchecks")
    names: dict[str, str] = {}
    for number, channel in enumerate(channels, 1):
        if not isinstance(channel, dict) or not isinstance(channel.get("id"), str):
            raise NotReadable(f"channel {number} has no id: this is not the Management API of Healthchecks")
        kind, given = str(channel.get("kind")), channel.get("name")
        plain = shortened(given.replace(",", " ")) if isinstance(given, str) else ""
        # Commas stand between the names of channels.
        name = names[channel["id"]] = unlike(
            names.values(), plain or shortened(kind.replace(",", " ")) or f"channel {number}"
        )
        place, what = f"channel {number}", f'"{name}" ({shortened(kind)})'
        fields = _shown_fields(channel, kind)
        if fields is not None:
            found.channels.append(WantedChannel(place, name, kind, fields))
        elif name in present:
            continue
        elif kind_named(kind) is None:
            found.leave(place, what, f"Pingfold has no such kind; these it has: {', '.join(CHANNEL_KINDS)}")
        else:
            found.leave(
                place,
                what,
                "the API there does not tell where it sends to. Make it "
                f"(`pingfold channel create {kind} ... --name '{name}'`), then import again: it is put on its checks",
            )
    return names


def _shown_fields(channel: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """Where a channel sends to, where that is told: by Pingfold, of kinds whose address is no secret."""
    field = _SHOWN.get(kind)
    if field is None or not isinstance(channel.get(field), str):
        return None
    return {field: channel[field], **_events(channel)}


def _events(channel: dict[str, Any]) -> dict[str, Any]:
    events = channel.get("events")
    return {"events": events} if isinstance(events, list) else {}
