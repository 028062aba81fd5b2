"""The outbound heartbeat: `PINGFOLD_HEARTBEAT_URL` is asked regularly, only while everything makes progress.

The address is that of a check in a second Pingfold (or any other watcher), which raises the alarm when we fall silent,
whatever the reason: no machine, no network, no web process, no progress. Whether everything makes progress is what
`/readyz` of this very installation says. Nothing else is sent.
"""

import asyncio

import httpx
import structlog

from infra.settings.settings import Settings

log = structlog.get_logger(__name__)

_TIMEOUT = 5.0


async def send_heartbeats(settings: Settings, instance: str | None) -> None:
    """Send them for ever. instance: whose `/readyz` it must be; None: whoever answers there."""
    assert settings.heartbeat_url is not None
    well = True
    while True:
        problem = await _beat(settings.heartbeat_url, f"{settings.local_url}/readyz", instance)
        if problem is not None:
            log.warning("heartbeat.not_sent", why=problem)
        elif not well:
            log.info("heartbeat.sent_again")
        well = problem is None
        await asyncio.sleep(settings.heartbeat_seconds)


async def _beat(url: str, readyz: str, instance: str | None) -> str | None:
    """One heartbeat, if it is due; else why it was not sent. Bounded, and raises nothing."""
    try:
        async with (
            asyncio.timeout(2 * _TIMEOUT),
            httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client,
        ):
            answer = await client.get(readyz)
            if answer.status_code != 200:
                return f"/readyz answers {answer.status_code}"
            told = answer.json()
            if instance is not None and not (isinstance(told, dict) and told.get("instance") == instance):
                return "/readyz is answered by another program"
            # The body is of no interest, and of any length.
            async with client.stream("GET", url) as taken:
                return None if taken.status_code < 400 else f"the heartbeat is answered {taken.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
