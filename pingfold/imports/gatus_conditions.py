"""The conditions of an endpoint of Gatus, as what a monitor judges by. Pure."""

import re
from typing import Any

from pingfold.imports.things import NotCarried, shortened

_CONDITION = re.compile(
    r"\s*(?P<what>\[[A-Z_]+\][^\s=!<>]*|len\(.*\)|has\(.*\))\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<value>.*?)\s*"
)
_ANY = re.compile(r"any\((?P<values>[^()]*)\)")
_PATTERN = re.compile(r"pat\(\*(?P<text>[^*]+)\*\)")
_TOLD_OTHERWISE = {
    "[RESPONSE_TIME]": "slow answers are told by monitor.performance_drop, and no monitor is down for them",
    "[CERTIFICATE_EXPIRATION]": "an expiry is told before, by monitor.ssl_expiration",
    "[DOMAIN_EXPIRATION]": "an expiry is told before, by monitor.domain_expiration",
}
_MOST_STATUSES = 100


def judged_by(conditions: list[str], kind: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The fields of a monitor that say what conditions say, and the conditions that its notices say instead, with that.

    Raises `NotCarried` for one that neither does.
    """
    fields: dict[str, Any] = {}
    left: list[tuple[str, str]] = []
    statuses: set[int] | None = None
    for text in conditions:
        parts = _CONDITION.fullmatch(text)
        if parts is None:
            raise NotCarried(f"the condition {shortened(text)} cannot be read")
        what, operator, value = parts["what"], parts["operator"], parts["value"]
        if what in _TOLD_OTHERWISE:
            left.append((shortened(text), _TOLD_OTHERWISE[what]))
        elif what == "[CONNECTED]" and (operator, value) == ("==", "true"):
            continue
        elif what == "[STATUS]" and kind == "http":
            found = _statuses(operator, value, text)
            statuses = found if statuses is None else statuses & found
        elif what == "[DNS_RCODE]" and kind == "dns" and (operator, value) == ("==", "NOERROR"):
            continue
        elif what == "[BODY]" and kind == "dns" and operator == "==" and "(" not in value:
            fields["dns_expected"] = value.rstrip(".")
        elif (
            what == "[BODY]" and kind == "http" and (pattern := _PATTERN.fullmatch(value)) and operator in ("==", "!=")
        ):
            if "keyword" in fields:
                raise NotCarried("it has several conditions on its body; a monitor of Pingfold has one keyword")
            fields |= {"keyword": pattern["text"], "keyword_absent": operator == "!="}
        else:
            raise NotCarried(f"monitors of Pingfold cannot judge by {shortened(text)}")
    if statuses is not None:
        fields["expected_statuses"] = _told(statuses)
    return fields, left


def _statuses(operator: str, value: str, text: str) -> set[int]:
    every = {*range(100, 1_000)}
    numbers = [one.strip() for one in chosen["values"].split(",")] if (chosen := _ANY.fullmatch(value)) else [value]
    if not all(number.isascii() and number.isdigit() and len(number) == 3 for number in numbers):
        raise NotCarried(f"the condition {shortened(text)} names no status")
    codes = {int(number) for number in numbers}
    first = int(numbers[0])
    match operator:
        case "==":
            return codes
        case "!=":
            return every - codes
        case "<":
            return {*range(100, first)}
        case "<=":
            return {*range(100, first + 1)}
        case ">":
            return {*range(first + 1, 1_000)}
        case _:
            return {*range(first, 1_000)}


def _told(statuses: set[int]) -> list[int]:
    """Statuses as a monitor takes them. `< 300` and `< 400` mean successes: nobody answers with 1xx in the end."""
    final = {status for status in statuses if status >= 200}
    if final == {*range(200, 400)}:
        return []
    if not final:
        raise NotCarried("no status fulfils its conditions")
    if len(final) > _MOST_STATUSES:
        raise NotCarried(f"its conditions accept {len(final)} statuses; Pingfold takes {_MOST_STATUSES}, or 200 to 399")
    return sorted(final)
