"""The audit trail: the changes of a command and its actor, for `transitions`. Pure.

Entries are derived from the view, not from the command: every definition that an event has set, changed or removed gets
an entry, so that no kind of command can be forgotten. Old and new values are shown for the fields in `_PLAIN` and those
that a channel kind names. For all others, including fields of later versions, only the fact of the change is shown. The
command itself names the actor.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import NODEFAULT, structs

from processors.fold.audit_values import Told, told_of
from processors.fold.contract import Context, Effect
from processors.fold.placement import to_transitions
from processors.fold.view import View
from schemas.actors import UNKNOWN, Actor
from schemas.base import Micros
from schemas.calendar_feeds import CalendarFeed
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import ApiKey, Channel, Check, Project
from schemas.escalations import EscalationPolicy
from schemas.ids import derived_id
from schemas.maintenance import Maintenance
from schemas.message_templates import MessageTemplate
from schemas.monitors import Monitor, ProbeTarget
from schemas.on_call import OnCallRotation
from schemas.page_subscribers import PageSubscriber
from schemas.people import Member, Person
from schemas.recipients import Recipient
from schemas.reports import ReportSettings
from schemas.requests import ChannelDisabled
from schemas.status_pages import StatusPage
from schemas.status_posts import StatusPost
from schemas.tag_mutes import TagMute
from schemas.ticks import PROGRESS_KEY
from schemas.tokens import COUNTERS_KEY
from schemas.topics import PROJECTS, Topic
from schemas.transitions import Action, FieldChange, ThingChanged

# Fields whose values are told.
_PLAIN: dict[type[msgspec.Struct], frozenset[str]] = {
    Project: frozenset({"name", "check_limit"}),
    ApiKey: frozenset({"kind", "name", "scopes", "expires"}),
    Channel: frozenset(
        {"kind", "name", "notices", "url", "disabled_at", "mute_until", "repeat_minutes"}
    ),  # and what its kind says
    Check: frozenset(
        {
            *("name", "slug", "tags", "desc", "schedule", "grace", "late_limit", "run_limit", "methods"),
            *("manual_resume", "start_kw", "success_kw", "failure_kw", "filter_subject", "filter_body"),
            *("filter_http_body", "filter_default_fail", "channels", "mute_until"),
        }
    ),
    Monitor: frozenset(
        {
            *("name", "kind", "interval", "timeout", "regions", "probed_from", "confirmations", "recoveries"),
            *("confirm_interval", "paused", "channels", "depends_on", "dependency_wait", "depended_on", "mute_until"),
            *("name_derived", "apdex_threshold", "published", "excluded_regions"),
        }
    ),
    ProbeTarget: frozenset(
        {
            *("url", "host", "port", "method", "statuses", "keyword", "keyword_absent", "follow_redirects"),
            *("families", "verify", "max_redirects"),
            *("resolver", "record", "expected", "options"),
        }
    ),
    StatusPage: frozenset({"title", "slug", "description", "components", "private", "sections", "accent", "domain"}),
    StatusPost: frozenset({"title", "updates", "affected"}),
    PageSubscriber: frozenset({"times", "confirmed"}),
    EscalationPolicy: frozenset({"name", "steps", "repeat", "things"}),
    MessageTemplate: frozenset({"name", "notices", "channels", "title", "text"}),
    ReportSettings: frozenset({"weekly", "monthly", "timezone", "channels"}),
    OnCallRotation: frozenset({"name", "tz", "handover", "turns", "hours", "overrides"}),
    CalendarFeed: frozenset({"host"}),
    TagMute: frozenset({"label", "until"}),
    Maintenance: frozenset({"name", "window", "monitors", "checks", "tags", "everything", "key"}),
    Person: frozenset({"name", "mail", "epoch"}),
    Member: frozenset({"mail", "role", "joined", "expires"}),
    Recipient: frozenset({"address", "times", "confirmed_at", "blocked_at"}),
}
# Fields that say nothing beside the rest of an entry.
_SILENT = frozenset(
    {
        *("id", "project", "version", "created", "revised", "site", "prefix", "asked", "token", "number", "claim"),
        *("person", "invitation", "page", "domain_since"),
    }
)
_NAMES = ("name", "title", "slug", "address", "label", "mail")
_DISABLED = str(ChannelDisabled.__struct_config__.tag)
# Records that tell nothing of their own.
_UNTOLD = (PROGRESS_KEY, COUNTERS_KEY, "revoked-key/", "report-state/", "claim/")
# So many things that one command changed are told one by one; of the others, how many they are.
_MOST = 20


class Command(msgspec.Struct, frozen=True):
    """What entries tell of a command. type: as in the journal. thing: id of what it is about. at: when it counts."""

    type: str
    actor: Actor
    thing: str
    at: Micros


def command_of(event: msgspec.Struct, actor: Actor | None, thing: str, at: Micros) -> Command:
    """The command that an event is."""
    return Command(str(event.__struct_config__.tag), actor or UNKNOWN, thing, at)


def changes_of(view: View, command: Command, context: Context) -> list[Effect]:
    """The entries for what the command that was just folded has changed in the view; none when it changed nothing.

    One for the thing that it is about, and one for each API key; further things are counted.
    """
    touched = view.touched()
    about = f"/{command.thing}"
    # A channel that is defined again is enabled, even when its definition stays as it is: that it was set counts.
    changed = sorted(
        key
        for key, old in touched.items()
        if not key.startswith(_UNTOLD) and (key.endswith(about) or old != view.get(key))
    )
    chosen = [key for key in changed if key.endswith(about)] or changed[:_MOST]
    chosen += [key for key in changed if key.startswith("key/") and key not in chosen][:_MOST]
    effects = []
    for number, key in enumerate(chosen):
        others = 0 if number else len(changed) - len(chosen)
        effects.append(_entry(command, context, key, touched[key], view.get(key), others))
    return effects


def entry_without_changes(command: Command, context: Context, name: str) -> Effect:
    """The entry for a command to the projects that changed none of their definitions."""
    kind = command.type.partition(".")[0]
    return entry(command, context, PROJECTS, "updated", project=context.key, kind=kind, name=name)


def entry(command: Command, context: Context, journal: Topic, action: Action, **more: Any) -> Effect:
    """The entry for a command that changes no definition. more: `project`, `kind` and further fields."""
    id = derived_id("change", journal.name, context.partition, context.offset, command.thing, command.at)
    changed = ThingChanged(
        id=id,
        at=command.at,
        actor=command.actor,
        command=command.type,
        action=action,
        thing=command.thing,
        retried=context.retried,
        **more,
    )
    return to_transitions(command.thing, changed)


def _entry(
    command: Command, context: Context, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None, others: int
) -> Effect:
    kind, _, thing = key.partition("/")
    action: Action = "created" if old is None else "deleted" if new is None else "updated"
    if command.type == _DISABLED and new is not None:
        action = "disabled"
    return entry(
        structs.replace(command, thing=thing),
        context,
        PROJECTS,
        action,
        project=context.key,
        kind=kind,
        name=_name_of(old if new is None else new),
        changes=tuple(_differences(old, new)),
        others=others,
    )


def _name_of(definition: msgspec.Struct | None) -> str:
    if isinstance(definition, PageSubscriber):
        return ""  # the trail is kept when the address is forgotten
    return next((name for field in _NAMES if (name := getattr(definition, field, ""))), "")


def _differences(old: Any, new: Any, path: str = "") -> Iterator[FieldChange]:
    """Of something new, the fields that have another value than one that is left out has; of something removed, too."""
    kind: type[msgspec.Struct] = type(old if new is None else new)
    plain = _plain_of(old if new is None else new)
    for name, default in _defaults(kind):
        before = default if old is None else getattr(old, name)
        after = default if new is None else getattr(new, name)
        if before == after or (name in _SILENT and not path):
            continue
        if isinstance(before, ProbeTarget) or isinstance(after, ProbeTarget):
            yield from _differences(None if old is None else before, None if new is None else after, f"{name}.")
        elif name not in plain:
            yield FieldChange(field=f"{path}{name}", hidden=True)
        else:
            was = Told(None) if old is None else told_of(kind, name, before)
            now = Told(None) if new is None else told_of(kind, name, after)
            yield FieldChange(field=f"{path}{name}", old=was.value, new=now.value, hidden=was.hidden or now.hidden)


def _plain_of(definition: Any) -> frozenset[str]:
    """The fields of a definition whose values are told."""
    plain = _PLAIN.get(type(definition), frozenset())
    if isinstance(definition, Channel) and (kind := CHANNEL_KINDS.get(definition.kind)) is not None:
        plain |= kind.told
    return plain


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """The fields of a definition, each with its default."""
    return tuple(
        (field.name, field.default if field.default_factory is NODEFAULT else field.default_factory())
        for field in structs.fields(kind)
    )
