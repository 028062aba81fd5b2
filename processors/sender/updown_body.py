"""The body of a notification as updown.io's Push API has it: an array of one event. Pure.

docs/compatibility/updown.md, "Push API", tells every field. What the check was at the event comes from the request
(`About`), so the bytes are the same however late it is sent. A test is of the sample check `xyz0`, as updown.io's are.

Notices hold what folds made of what others sent: whatever is missing or of another type is left out, and nothing here
fails.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from processors.sender.notice_values import object_of, text_of
from processors.sender.updown_check import check_object, sample_check
from processors.sender.updown_words import clock, humanized
from schemas.base import SECOND, Micros
from schemas.channels.updown import EVENTS, time_zone
from schemas.deliveries import About, DeliveryRequested, Endpoint
from schemas.host_names import bare_host
from schemas.notices import AnyNotice
from schemas.origins import small, written_url
from schemas.times import LAST, read_iso, zulu
from schemas.tokens import downtime_id
from schemas.updown_errors import error_words


def render_event(notice: AnyNotice, request: DeliveryRequested, endpoint: Endpoint) -> str:
    """The body of a notice that `EVENTS` has."""
    data, name = request.data, EVENTS[notice]
    incident = object_of(data.get("incident"))
    if data.get("test") is True:
        check = sample_check(request.at, down=name != "check.up")
        incident = incident | {"cause": "418 I'm a teapot"}
    else:
        check = check_object(request.about, data, endpoint, request.at)
    more = _more(name, data, incident, endpoint, request.about)
    event = {
        "event": name,
        "time": zulu(request.at),
        "description": _description(name, check, more, time_zone(endpoint)),
        "check": check,
        **more,
    }
    return msgspec.json.encode([event]).decode()


def _more(
    name: str, data: Mapping[str, Any], incident: Mapping[str, Any], endpoint: Endpoint, about: About | None
) -> dict[str, Any]:
    """What an event has beside its check."""
    match name:
        case "check.down" | "check.still_down" | "check.up":
            return {"downtime": _downtime(incident, endpoint.site, about)}
        case "check.performance_drop":
            return {"apdex_dropped": data.get("apdex_dropped"), "last_metrics": object_of(data.get("last_metrics"))}
        case _:
            return {"ssl": _ssl(name, data)}


def _ssl(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event about a certificate says of it."""
    if name == "check.ssl_renewed":
        return {
            "new_cert": _certificate(data.get("new_certificate")),
            "old_cert": _certificate(data.get("old_certificate")),
        }
    told: dict[str, Any] = {"cert": _certificate(data.get("certificate"))}
    if name == "check.ssl_invalid":
        told["error"] = text_of(data, "error")
    if name == "check.ssl_expiration":
        told["days_before_expiration"] = data.get("days_before_expiration")
    return told


def _certificate(value: object) -> dict[str, Any] | None:
    """None: it was not seen."""
    certificate = object_of(value)
    if not certificate:
        return None
    since, until = _moment(certificate, "valid_from"), _moment(certificate, "valid_until")
    return {
        "subject": text_of(certificate, "subject"),
        "issuer": text_of(certificate, "issuer"),
        "from": None if since is None else zulu(since),
        "to": None if until is None else zulu(until),
        "algorithm": text_of(certificate, "algorithm"),
    }


def _downtime(incident: Mapping[str, Any], site: str, about: About | None) -> dict[str, Any]:
    id = downtime_id(text_of(incident, "id"))
    started, ended = _moment(incident, "started_at"), _moment(incident, "resolved_at")
    return {
        "id": id,
        "details_url": f"{site}/downtimes/{id}",
        "error": error_words(text_of(incident, "cause")) or None,
        "started_at": None if started is None else zulu(started),
        "ended_at": None if ended is None else zulu(ended),
        "duration": None if started is None or ended is None else _duration(started, ended, about),
        "partial": True if incident.get("partial") is True else None,
    }


def _duration(started: Micros, ended: Micros, about: About | None) -> int:
    """Seconds, as the REST API has them: rounded from the exact times. A notice has them cut to seconds; the state that
    goes with it has those of the newest incident, which nearly always is this one."""
    exact = None if about is None else about.state.last_down
    if exact is not None and (exact.start // SECOND, exact.end // SECOND) == (started // SECOND, ended // SECOND):
        started, ended = exact.start, exact.end
    return max(0, (ended - started + SECOND // 2) // SECOND)


def _description(name: str, check: Mapping[str, Any], more: Mapping[str, Any], zone: str) -> str:
    """The event in a sentence."""
    what = _shown(check)
    match name:
        case "check.down" | "check.still_down":
            word = "DOWN" if name == "check.down" else "STILL DOWN"
            downtime = more["downtime"]
            return f"{word}: {what} since {_clock(downtime['started_at'], zone)}, reason: {downtime['error']}"
        case "check.up":
            downtime = more["downtime"]
            return (
                f"UP: {what} since {_clock(downtime['ended_at'], zone)}, "
                f"after being down for {humanized(downtime['duration'] or 0)}, reason: {downtime['error']}"
            )
        case "check.performance_drop":
            return f"Apdex of {what} dropped {more['apdex_dropped']}"
    served = f"The SSL certificate served by {_host(check)}"
    match name:
        case "check.ssl_invalid":
            return f"{served} is not valid ({text_of(more['ssl'], 'error')})"
        case "check.ssl_valid":
            return f"{served} is now valid"
        case "check.ssl_expiration":
            days = text_of(more["ssl"], "days_before_expiration")
            return f"{served} will expire in {days} day{'' if days == '1' else 's'}"
        case _:
            return f"{served} was renewed"


def _shown(check: Mapping[str, Any]) -> str:
    """What the check is about: its URL with a path, or the name of one that has no URL."""
    if check["type"] == "pulse":
        return str(check["alias"] or check["token"])
    url = str(check["url"])
    return f"{url}/" if url.startswith(("http://", "https://")) and url.count("/") == 2 and "?" not in url else url


def _host(check: Mapping[str, Any]) -> str:
    parts = written_url(str(check["url"]))
    return (small(bare_host(parts.host)) if parts else "") or _shown(check)


def _moment(values: Mapping[str, Any], field: str) -> Micros | None:
    try:
        moment = read_iso(text_of(values, field))
    except ValueError:
        return None
    return moment if 0 <= moment <= LAST else None


def _clock(at: str | None, zone: str) -> str:
    return "an unknown time" if at is None else clock(read_iso(at), zone)
