"""Apprise: the library says which requests make a message, and Pingfold makes them, one after the other.

So what holds for webhooks holds for every service: addresses are checked when they are connected, no proxy and no
redirect leads elsewhere, each request has its limits of time, and nothing of them is in a thread. The library is told
what was answered, and says in the end whether the service took the message, since for many a 200 says nothing.

A message that needs several requests (several rooms in one URL) is sent again as a whole when one of them fails.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal

import msgspec

from infra.apprise_library.library import LibraryFailed
from infra.apprise_library.messages import Answer, Call, Verdict
from processors.sender.channels.ntfy import text_of_message
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.notice_facts import facts_of, in_words, reading_of
from processors.sender.notice_values import object_of
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.channels.apprise import service_title

# For a whole message. Each of its requests has the limit of a webhook.
SECONDS = 25.0
MOST_REQUESTS = 20
_LONGEST_TITLE, _LONGEST_TEXT = 250, 32_000
_MOODS: Mapping[str, Literal["info", "success", "warning", "failure"]] = {
    "monitor.down": "failure",
    "monitor.still_down": "failure",
    "monitor.recovered": "success",
    "incident.created": "failure",
    "incident.resolved": "success",
    "monitor.ssl_invalid": "failure",
    "monitor.ssl_valid": "success",
    "monitor.ssl_renewed": "success",
    "channel.disabled": "failure",
}


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Send a notice to the service as a message."""
    if clients.services is None:
        return DeliveryResult(error="nothing is sent to services of Apprise here")
    try:
        call = call_of(outgoing)
    except Exception as error:  # a notice may hold anything
        return DeliveryResult(error=f"the notice cannot be made a message ({type(error).__name__})")
    exchanges: list[Exchange] = []
    try:
        async with asyncio.timeout(SECONDS):
            verdict = await _settled(call, clients.services, exchanges, outgoing.hopeless)
    except LibraryFailed as failed:
        return DeliveryResult(error=str(failed), timed_out=True)
    except TimeoutError:
        return DeliveryResult(error=f"the service was not done within {SECONDS:g} s", timed_out=True)
    return result_of(verdict, exchanges, service_title(outgoing.endpoint.url))


def call_of(outgoing: Outgoing) -> Call:
    """The message of a notice, for the URL that is the secret of its channel."""
    delivery = outgoing.delivery
    notice = msgspec.json.decode(delivery.body)
    reading = reading_of(outgoing.endpoint)
    facts = facts_of(delivery.notice, object_of(notice["data"]), outgoing.endpoint.site, reading)
    title, text = in_words(delivery, facts, text_of_message(facts, str(notice["timestamp"]), reading))
    if facts["page"]:
        text = f"{text}\n{facts['page']}"
    mood = _MOODS.get(facts["alike"], "warning")
    return Call(outgoing.secrets.current, title[:_LONGEST_TITLE], text[:_LONGEST_TEXT], mood)


async def _settled(call: Call, services: Services, exchanges: list[Exchange], hopeless: bool) -> Verdict:
    """The verdict of the library, after all requests that it wants. They are added to `exchanges`."""
    for _ in range(MOST_REQUESTS):
        verdict = await services.ask(call)
        wanted = verdict.request
        if wanted is None:
            return verdict
        exchange = await services.exchange(
            wanted.method, wanted.url, dict(wanted.headers), wanted.body, verify=wanted.verify, dead=hopeless
        )
        exchanges.append(exchange)
        call = msgspec.structs.replace(call, answers=(*call.answers, _answer(exchange)))
    return Verdict(problem=f"the message needs more than {MOST_REQUESTS} requests")


def _answer(exchange: Exchange) -> Answer:
    result = exchange.result
    if result.status is None:
        return Answer(error="timeout" if result.timed_out else "failed")
    return Answer(result.status, exchange.headers, exchange.body)


def result_of(verdict: Verdict, exchanges: list[Exchange], service: str) -> DeliveryResult:
    """What came of a message. Its status is that of the request that decided."""
    if verdict.problem:
        return DeliveryResult(error=verdict.problem)
    if not exchanges:
        return DeliveryResult(error=f"nothing was sent: the URL names nobody whom {service} could reach")
    results = [exchange.result for exchange in exchanges]
    good = [one for one in results if one.status is not None and 200 <= one.status < 300]
    if verdict.taken:
        return DeliveryResult(good[-1].status if good else 200)
    if bad := [one for one in results if one not in good]:
        return bad[-1]
    return DeliveryResult(error=f"{service} answered {results[-1].status}, and did not take the message")
