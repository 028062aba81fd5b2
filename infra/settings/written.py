"""How values of settings are written, whatever they are. Pure."""

from collections.abc import Mapping
from typing import Any

# Passwords of other servers, which may begin and end with anything. Of these only line ends are left out.
FOREIGN = frozenset({"smtp_password", "kafka_sasl_password", "kafka_ssl_key_password", "clickhouse_password"})
_MARKS = ('"', "'")


def without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without the blanks around them, and without those that are empty then: they are as good as not given."""
    kept = {}
    for name, value in values.items():
        if isinstance(value, str):
            if not value.strip():
                continue
            value = value.rstrip("\r\n") if name.lower().removeprefix("pingfold_") in FOREIGN else value.strip()
        kept[name] = value
    return kept


def misread(name: str, value: str) -> str | None:
    """What is wrong with the value of a field before its meaning is looked at; None when nothing is."""
    if not _is_unicode(value):
        return "is not UTF-8"
    if name in FOREIGN:
        return None
    bare = value.strip()
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in bare):
        return "holds a control character, such as a line break: one line is expected"
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _MARKS and bare[0] not in bare[1:-1]:
        return "begins and ends with a quotation mark, which is part of the value: leave both marks out"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
