"""Judging parameters: each as what it must be, with all that is wrong told together. Pure.

A form has only text, so numbers and booleans are taken from text, too. What is not given is `UNSET`; null and an empty
text mean the default where a text is not what is wanted.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from query_api.updown.errors import UpdownError, fault

T = TypeVar("T")

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
# Beyond it a number is none here; Python refuses to write very large ones.
_LARGEST = 10**15
_NOT_LISTED = "is not included in the list"


class Judge:
    """The parameters of one request. faults: what is wrong, a sentence each, in the order of the questions."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self.faults: list[str] = []

    def must_be_well(self) -> None:
        """Raises `UpdownError` with all that is wrong."""
        if self.faults:
            raise UpdownError(400, ", ".join(self.faults))

    def wrong(self, name: str, problem: str, given: object) -> UnsetType:
        """A fault, in place of the value."""
        self.faults.append(fault(name, problem, given))
        return UNSET

    def given(self, name: str) -> object:
        """A value as it stands; `UNSET` when it is not there."""
        return self._parameters.get(name, UNSET)

    def text(self, name: str, most: int) -> str | UnsetType | None:
        """A text of at most so many characters."""
        value = self.given(name)
        if value is UNSET or value is None:
            return None if value is None else UNSET
        text = _text(value)
        if text is None:
            return self.wrong(name, "is not a text", value)
        value = text
        if len(value) > most:
            return self.wrong(name, f"is too long (maximum is {most} characters)", value)
        return value

    def boolean(self, name: str, default: bool) -> bool | UnsetType:
        """true or false, 1 or 0."""
        value = self.given(name)
        if value is UNSET:
            return UNSET
        if isinstance(value, bool):
            return value
        if value is None or value == "":
            return default
        text = str(value).lower() if isinstance(value, str | int) else ""
        if text in TRUE or text in FALSE:
            return text in TRUE
        return self.wrong(name, _NOT_LISTED, value)

    def number(self, name: str, default: float) -> float | UnsetType:
        """A number."""
        value = self.given(name)
        if value is UNSET:
            return UNSET
        if value is None or value == "":
            return default
        number = _number(value)
        return self.wrong(name, "is not a number", value) if number is None else number

    def number_of(self, name: str, allowed: Collection[float], default: float) -> float | UnsetType:
        """One of some numbers."""
        number = self.number(name, default)
        if number is UNSET or number in allowed:
            return number
        return self.wrong(name, _NOT_LISTED, int(number) if float(number).is_integer() else number)

    def word(self, name: str, allowed: Mapping[str, T], default: T) -> T | UnsetType:
        """What one of some words means."""
        value = self.given(name)
        if value is UNSET:
            return UNSET
        if value is None or value == "":
            return default
        if isinstance(value, str) and value in allowed:
            return allowed[value]
        return self.wrong(name, _NOT_LISTED, value)

    def texts(self, name: str, most: int) -> list[str] | UnsetType:
        """A list of texts; an empty text in it is none. One by numbers (`recipients[0]=`) is how PHP writes a list."""
        value = self.given(name)
        if value is UNSET:
            return UNSET
        if value is None or value == "":
            return []
        if isinstance(value, dict) and value and all(key.isascii() and key.isdecimal() for key in value):
            value = list(value.values())
        if not isinstance(value, list) or not all(isinstance(one, str | None) for one in value):
            return self.wrong(name, "is not a list of texts", value)
        found = list(dict.fromkeys(one for one in value if one))
        return found if len(found) <= most else self.wrong(name, f"has more than {most} entries", value)

    def texts_by_name(self, name: str) -> dict[str, str] | UnsetType:
        """An object whose values are texts."""
        value = self.given(name)
        if value is UNSET:
            return UNSET
        if value is None or value in ("", [], [""]):
            return {}
        if isinstance(value, dict):
            texts = {key: _text(one) for key, one in value.items()}
            found = {key: text for key, text in texts.items() if text is not None}
            if len(found) == len(texts):
                return found
        return self.wrong(name, "is not an object of texts", value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        # Python takes digits of all scripts, and `6_0` for 60.
        if len(value) > 40 or not value.isascii() or "_" in value:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    # Neither infinity nor what is no number.
    return float(value) if abs(value) < _LARGEST else None


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        return None
    if isinstance(value, int | float) and abs(value) >= _LARGEST:
        return None
    return "" if value is None else str(value)
