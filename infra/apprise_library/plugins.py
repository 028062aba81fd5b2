"""Asks a plugin of Apprise what it would send. Only in the process of the library: importing this loads the library.

The URL of a channel chooses the service and what the service is told; nothing of how Pingfold sends. So these are set
here, whatever a URL says: redirects are not followed, nothing is stored, one message is one message (a long text is cut
as the service needs it), and nothing is waited for and tried again.
"""

from functools import cache
from importlib import import_module
from typing import Any

import apprise
from apprise.plugins.base import NotifyBase

from infra.apprise_library.messages import Call, Verdict
from infra.apprise_library.replaying import Enough, Replay, ReplayAdapter, RequestWanted
from infra.errors import InfraError
from schemas.channels.apprise_services import SERVICES

_ASSET = apprise.AppriseAsset(
    app_id="Pingfold",
    app_desc="Pingfold",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    storage_mode=apprise.PersistentStoreMode.MEMORY,
    language="en",
    timezone="UTC",
    allow_templates=False,
    http_redirects=False,
    pgp_autogen=False,
    pem_autogen=False,
    plugin_paths=None,
)
# Of a URL, what is for Pingfold to say.
_OURS = ("retry", "wait", "optional", "store", "redirect", "overflow", "tag", "emojis", "persistent_storage")


class _Refused(InfraError):
    """The library does not take the URL; the text says what is known of why, and holds nothing of it."""


def verdict(call: Call) -> Verdict:
    """What the library wants, or says, of a message whose requests were answered so far as the call has it."""
    try:
        plugin = _plugin(call.url)
    except _Refused as refused:
        return Verdict(problem=str(refused))
    if not call.text:
        return Verdict(taken=True)
    replay = ReplayAdapter.current = Replay(call.answers)
    try:
        taken = bool(
            plugin.notify(
                body=call.text,
                title=call.title,
                notify_type=apprise.NotifyType(call.mood),
                overflow=apprise.OverflowMode.TRUNCATE,
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
    except (RequestWanted, Enough):
        taken = False
    finally:
        ReplayAdapter.current = None
    # Whatever a plugin made of it that there was no answer.
    return Verdict(request=replay.wanted, taken=taken and replay.wanted is None)


def _plugin(url: str) -> NotifyBase:
    """The plugin for a URL. Raises `_Refused`."""
    service = SERVICES.get(url.partition("://")[0].lower())
    if service is None:
        raise _Refused("there is no such service in Apprise")
    made = _class_of(service.module, service.plugin)
    refused = f"it is no URL of {service.title}: see {made.setup_url or 'https://appriseit.com/services/'}"
    try:
        # As the library reads URLs: a number sign begins the name of a room.
        given = made.parse_url(url.replace("/#", "/%23"))
        if not given:
            raise _Refused(refused)
        chosen = {name: value for name, value in given.items() if name not in _OURS}
        plugin = made(**chosen, asset=_ASSET)
    except _Refused:
        raise
    except Exception:  # what a plugin says may hold the URL
        raise _Refused(refused) from None
    if not plugin.enabled:
        raise _Refused(f"{service.title} cannot be used with what is installed here")
    # Pauses between requests would stop everybody's messages.
    plugin.throttle = _no_pause
    return plugin


@cache
def _class_of(module: str, name: str) -> type[NotifyBase]:
    found: type[NotifyBase] = getattr(import_module(f"apprise.plugins.{module}"), name)
    return found


def _no_pause(*_: Any, wait: float | None = None, **__: Any) -> None:
    """A service that asks for patience has said so in an answer, which Pingfold has."""
    if wait:
        raise Enough
