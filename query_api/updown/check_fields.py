"""The parameters of a check, judged (docs/compatibility/updown.md, "Checks"). Unknown ones are ignored, as with updown.

What is asked of a check becomes the fields of a monitor. What probes send is stored encrypted and bound to the origin
of the URL; a new URL brings its own credentials or none.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from infra.egress.guard import Guard, TargetRefused
from query_api.confirm_intervals import after_change
from query_api.plans import Plan
from query_api.updown.errors import UpdownError, fault
from query_api.updown.judge import Judge
from query_api.updown.mute_words import asked_mute
from query_api.updown.recipient_ids import named
from query_api.updown.targets import LONGEST, InvalidUrl, Wanted, wanted_of, without_credentials
from schemas.base import Micros, encode
from schemas.definitions import Channel
from schemas.host_names import InvalidHost, must_be_host_header
from schemas.monitors import DEFAULT_APDEX_THRESHOLD, FRAMING_HEADERS, Method, Monitor, ProbeTarget, Sealed
from schemas.origins import origin_of
from schemas.probe_kinds import PROBE_KINDS
from schemas.probe_kinds.http import contradiction
from schemas.requests import MonitorFields
from schemas.targets import HEAD_FIRST
from schemas.updown_checks import type_of, url_of

PERIODS = (15, 30, 60, 120, 300, 600, 1_800, 3_600)
DEFAULT_PERIOD = 60
APDEX_THRESHOLDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
VERBS: dict[str, Method] = {
    HEAD_FIRST: HEAD_FIRST,
    "GET": HEAD_FIRST,
    "HEAD": HEAD_FIRST,
    "POST": "POST",
    "PUT": "PUT",
    "PATCH": "PATCH",
    "DELETE": "DELETE",
    "OPTIONS": "OPTIONS",
}
TYPES = ("https", "http", "icmp", "tcp", "tcps", "pulse")
LONGEST_ALIAS = 200
LONGEST_STRING = 1_000
LONGEST_BODY = 100_000
MOST_HEADERS = 50
# Of a new check: it is down, and up again, after three results, half a period apart; a probe may take ten seconds.
_DEFAULTS: dict[str, Any] = {"interval": DEFAULT_PERIOD, "timeout": 10, "confirmations": 3, "recoveries": 3}
# HEAD first; a host with addresses of both families must be well over each; its certificate is judged apart.
_NEW_TARGET = ProbeTarget(method=HEAD_FIRST, families="each", verify=False)

# Those that a contradiction may be told of, and what was given; empty: the text itself.
_PARAMETERS = {"keyword": ("string_match", ""), "body": ("http_body", "...")}

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER = re.compile(r"[^\x00-\x1f\x7f]{0,4000}")


class Account(NamedTuple):
    """What parameters are judged by. encrypt: makes a secret of the check fit for storing."""

    regions: tuple[str, ...]
    channels: Iterable[Channel]
    plan: Plan
    guard: Guard
    now: Micros
    encrypt: Callable[[str], str]


def fields_of(
    parameters: Mapping[str, Any], current: Monitor | None, sealed: Sealed, account: Account
) -> MonitorFields:
    """What a request changes; `current` None: a new check. sealed: what its probes send now. Raises `UpdownError`."""
    judge = Judge(parameters)
    wanted = _target(judge, current)
    said: dict[str, Any] = _settings(judge, account)
    sends = _sealed(judge, sealed)
    verb = judge.word("http_verb", VERBS, HEAD_FIRST)
    keyword = judge.text("string_match", LONGEST_STRING)
    _places(judge, account, said)
    judge.must_be_well()
    assert wanted is not None
    before = current.target if current is not None and current.kind == wanted.kind else _NEW_TARGET
    target = replace(
        wanted.target,
        method=before.method if verb is UNSET else verb,
        families=before.families,
        verify=before.verify,
        keyword=before.keyword if keyword is UNSET else keyword or "",
    )
    if judge.given("url") is not UNSET:
        sends = replace(sends, credentials=wanted.credentials)
    if sends != sealed or origin_of(target.url) != sealed.origin:
        sends = replace(sends, origin=origin_of(target.url))
        filled = sends.headers or sends.body or sends.credentials
        target = replace(target, sealed=account.encrypt(encode(sends).decode()) if filled else "")
    if wanted.kind == "http":
        _must_be_possible(target, sends, current, sealed)
    if current is None or (wanted.kind, wanted.target) != (current.kind, current.target):
        _must_be_allowed(wanted, account.guard)
    if current is None:
        said = _DEFAULTS | {"probed_from": account.regions} | said
        said["confirm_interval"] = said["interval"] / 2
    else:
        said["confirm_interval"] = after_change(current, said.get("interval", UNSET))
    return MonitorFields(**_named(said, current, wanted, target), kind=wanted.kind, target=target)


def _target(judge: Judge, current: Monitor | None) -> Wanted | None:
    """The target, as the URL and the type say; None: one of them is wrong."""
    own = () if current is None else (type_of(current.kind, current.target),)
    type = judge.word("type", {word: word for word in (*TYPES, *own)}, "")
    url = judge.text("url", LONGEST)
    if judge.faults:
        return None
    if current is not None and url is UNSET:
        if not type:
            return Wanted(current.kind, current.target)
        url = url_of(current.kind, current.target)
    if not url:
        judge.faults.append("URL can't be blank")
        return None
    try:
        return wanted_of(url, type or None, current)
    except InvalidUrl as error:
        judge.faults.append(str(error))
        return None


def _settings(judge: Judge, account: Account) -> dict[str, Any]:
    """The fields that stand for themselves."""
    said: dict[str, Any] = {}
    period = judge.number_of("period", PERIODS, DEFAULT_PERIOD)
    if period is not UNSET and period < account.plan.interval:
        raise UpdownError(403, f"The plan allows a period of {account.plan.interval} seconds or more")
    if period is not UNSET:
        said["interval"] = int(period)
    threshold = judge.number_of("apdex_t", APDEX_THRESHOLDS, DEFAULT_APDEX_THRESHOLD / 1_000)
    if threshold is not UNSET:
        said["apdex_threshold"] = round(threshold * 1_000)
    enabled = judge.boolean("enabled", True)
    if enabled is not UNSET:
        said["paused"] = not enabled
    said["published"] = judge.boolean("published", False)
    said["mute_until"] = asked_mute(judge, account.now)
    said["alias"] = judge.text("alias", LONGEST_ALIAS)
    return {name: value for name, value in said.items() if value is not UNSET}


def _sealed(judge: Judge, before: Sealed) -> Sealed:
    """What probes send, but for credentials."""
    headers = judge.texts_by_name("custom_headers")
    body = judge.text("http_body", LONGEST_BODY)
    if headers is not UNSET:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in FRAMING_HEADERS:
                judge.wrong("custom_headers", "must not hold this name", name)
            elif not _HEADER.fullmatch(value):
                judge.wrong("custom_headers", f"has a value that no header can have, of {name}", value)
            elif name.lower() == "host" and (why := _host_fault(value)):
                judge.wrong("custom_headers", f"has a {name} that {why}", value)
        if len(headers) > MOST_HEADERS:
            judge.wrong("custom_headers", f"has more than {MOST_HEADERS} entries", len(headers))
    return replace(
        before,
        headers=before.headers if headers is UNSET else headers,
        body=before.body if body is UNSET else body or "",
    )


def _host_fault(value: str) -> str:
    """What is wrong with the value of a Host header; "": nothing."""
    try:
        must_be_host_header(value)
    except InvalidHost as error:
        return str(error)
    return ""


def _places(judge: Judge, account: Account, said: dict[str, Any]) -> None:
    """Where it is probed from, and who is told."""
    disabled = judge.texts("disabled_locations", 1_000)
    if disabled is not UNSET:
        if any(one not in account.regions for one in disabled):
            judge.wrong("disabled_locations", "is not included in the list", disabled)
        elif set(disabled) >= set(account.regions):
            judge.wrong("disabled_locations", "must leave at least one location", disabled)
        left = tuple(region for region in account.regions if region not in disabled)
        said |= {"regions": (), "excluded_regions": tuple(disabled), "probed_from": left}
    recipients = judge.texts("recipients", 1_000)
    if recipients is not UNSET:
        channels, strangers = named(recipients, account.channels)
        if strangers:
            judge.wrong("recipients", "is not included in the list", strangers)
        said["channels"] = ",".join(channel.id for channel in channels)


def _named(said: dict[str, Any], current: Monitor | None, wanted: Wanted, target: ProbeTarget) -> dict[str, Any]:
    """The fields with a name, which a monitor needs: the alias, or one that is made of the target."""
    alias = said.pop("alias", UNSET)
    derived = PROBE_KINDS[wanted.kind].label(target)[:LONGEST_ALIAS]
    if alias:
        return said | {"name": alias, "name_derived": False}
    if alias is UNSET and current is not None and not current.name_derived:
        return said
    return said | {"name": derived, "name_derived": True}


def _must_be_possible(target: ProbeTarget, sends: Sealed, current: Monitor | None, sealed: Sealed) -> None:
    """One that another API made may be so already: then everything else can be changed."""
    before = None if current is None else (current.target.method, current.target.keyword, bool(sealed.body))
    found = contradiction(target, bool(sends.body))
    if found is not None and (target.method, target.keyword, bool(sends.body)) != before:
        name, given = _PARAMETERS.get(found.field, ("http_verb", target.method))
        raise UpdownError(400, fault(name, f"cannot be met: {found.problem}", given or target.keyword))


def _must_be_allowed(wanted: Wanted, guard: Guard) -> None:
    """Whether an address may be probed is told at once; what a name means is seen when it is probed."""
    for place in PROBE_KINDS[wanted.kind].places(wanted.target):
        try:
            guard.check_host(place.host, place.port)
        except TargetRefused as error:
            shown = without_credentials(url_of(wanted.kind, wanted.target))
            raise UpdownError(400, f'URL must not be probed: {error} (given: "{shown}")') from None
