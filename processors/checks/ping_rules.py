"""What a ping counts as: its own action, unless the definition of its check says otherwise. Pure.

Few checks have rules of their own, and every ping needs to know them. So only those are kept, as an index beside the
view: a ping to any other check looks up nothing more than that there are none.
"""

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from processors.checks.packed_records import part_of_check
from processors.fold.view import View
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.pings import Kind, Ping

Counted = Kind | Literal["ign"]

_PREFIX = "definition/"


class PingRules(Struct, gc=False):
    """The part of a definition that says what a ping counts as."""

    manual_resume: bool = False
    methods: str = ""
    start_kw: str = ""
    success_kw: str = ""
    failure_kw: str = ""
    filter_http_body: bool = False
    filter_default_fail: bool = False

    @property
    def has_effect(self) -> bool:
        """Whether some ping may count as something else than it says. Keywords alone change nothing."""
        return self.manual_resume or self.filter_http_body or bool(self.methods)


_rules = part_of_check(PingRules)


class PingRulesIndex:
    """The rules of the checks that have any. It listens to the view, so it stands the undoing of an event."""

    def __init__(self, view: View) -> None:
        self._rules: dict[str, PingRules] = {}
        for key, packed in view.packed_items(DefinitionCopy):
            self._note(key, _rules(packed))
        view.listeners.append(self._changed)
        # The rules of a check; None: a ping counts as what it says.
        self.of: Callable[[str], PingRules | None] = self._rules.get

    def _changed(self, key: str, _old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if not key.startswith(_PREFIX):
            return
        if isinstance(new, DefinitionCopy):
            self._note(key, _rules_of(new.check))
        else:
            self._rules.pop(key.removeprefix(_PREFIX), None)

    def _note(self, key: str, rules: PingRules) -> None:
        check = key.removeprefix(_PREFIX)
        if rules.has_effect:
            self._rules[check] = rules
        else:
            self._rules.pop(check, None)


def _rules_of(check: Check) -> PingRules:
    return PingRules(**{name: getattr(check, name) for name in PingRules.__struct_fields__})


def counts_as(ping: Ping, rules: PingRules | None, state: CheckState) -> Counted:
    """The action of a ping. An exit status above 0 is a failure whatever the ping calls itself."""
    if rules is not None:
        if rules.manual_resume and state.status == "paused":
            return "ign"
        if ping.method:
            if rules.methods and ping.method != rules.methods:
                return "ign"
            if rules.filter_http_body:
                return _by_keywords(_text(ping), rules)
    if ping.exitstatus and ping.kind == "success":
        return "fail"
    return ping.kind


def _by_keywords(body: str, rules: PingRules) -> Counted:
    """The filter replaces the action of the URL, whatever that was."""
    if _contains(body, rules.failure_kw):
        return "fail"
    if _contains(body, rules.success_kw):
        return "success"
    if _contains(body, rules.start_kw):
        return "start"
    return "fail" if rules.filter_default_fail else "ign"


def _contains(body: str, keywords: str) -> bool:
    return any(word in body for word in map(str.strip, keywords.split(",")) if word)


def _text(ping: Ping) -> str:
    """The kept prefix of the body; one that is not UTF-8, or was cut inside a character, is read with replacement."""
    if ping.body is not None:
        return ping.body
    return (ping.body_base64 or b"").decode(errors="replace")
