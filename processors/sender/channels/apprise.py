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
from infra.apprise_library.messages import Answer, Call, HttpRequest, Verdict
from processors.sender.channels.ntfy import text_of_message
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.notice_facts import facts_for, in_words, reading_of
from processors.sender.notice_values import object_of
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.channels.apprise import service_title
from schemas.channels.messages import Answer as ServiceAnswer
from schemas.channels.messages import seconds_of

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
    "project.report": "info",
}


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Send a notice to the service as a message."""
    if clients.services is None:
        return DeliveryResult(error="nothing is sent to services of Apprise here")
    try:
        call = call_of(outgoing)
    except Exception as error:  # a notice may hold anything
        return DeliveryResult(error=f"the notice cannot be made a message ({type(error).__name__})")
    services = _Timed(clients.services)
    try:
        async with asyncio.timeout(SECONDS):
            verdict = await _settled(call, services, outgoing.hopeless)
    except LibraryFailed as failed:
        return DeliveryResult(error=str(failed), timed_out=True, ours=failed.ours)
    except TimeoutError:
        if services.seconds < SECONDS / 2:  # the service had not its time: the library had much to do
            words = f"the message was not made up within {SECONDS:g} s: it is tried again"
            return DeliveryResult(error=words, timed_out=True, ours=True)
        return DeliveryResult(error=f"the service was not done within {SECONDS:g} s", timed_out=True)
    return result_of(verdict, services.exchanges, service_title(outgoing.endpoint.url))


def call_of(outgoing: Outgoing) -> Call:
    """The message of a notice, for the URL that is the secret of its channel."""
    delivery = outgoing.delivery
    notice = msgspec.json.decode(delivery.body)
    reading = reading_of(outgoing.endpoint)
    facts = facts_for(outgoing.endpoint, delivery.notice, object_of(notice["data"]), reading)
    text = text_of_message(facts, reading.moment(str(notice["timestamp"])), reading)
    title, text = in_words(delivery, facts, text)
    link = facts["acknowledge"]
    acknowledge = f"{reading.says('acknowledge_button')}: {link}" if link else ""
    for link in (acknowledge, facts["page"]):
        if link:
            text = f"{text}\n{link}"
    mood = _MOODS.get(facts["alike"], "warning")
    return Call(outgoing.secrets.current, title[:_LONGEST_TITLE], text[:_LONGEST_TEXT], mood)


class _Timed:
    """What one message is made and sent with. exchanges: so far; seconds: that they took, one under way included."""

    def __init__(self, services: Services) -> None:
        self.ask, self._exchange = services.ask, services.exchange
        self.exchanges: list[Exchange] = []
        self.seconds = 0.0

    async def exchange(self, wanted: HttpRequest, dead: bool) -> Exchange:
        clock = asyncio.get_running_loop().time
        began, headers = clock(), dict(wanted.headers)
        try:
            made = await self._exchange(
                wanted.method, wanted.url, headers, wanted.body, verify=wanted.verify, dead=dead
            )
        finally:
            self.seconds += clock() - began
        self.exchanges.append(made)
        return made


async def _settled(call: Call, services: _Timed, hopeless: bool) -> Verdict:
    """The verdict of the library, after all requests that it wants."""
    for _ in range(MOST_REQUESTS):
        verdict = await services.ask(call)
        wanted = verdict.request
        if wanted is None:
            return verdict
        exchange = await services.exchange(wanted, hopeless)
        call = msgspec.structs.replace(call, answers=(*call.answers, _answer(exchange)))
    return Verdict(problem=f"the message needs more than {MOST_REQUESTS} requests")


def _answer(exchange: Exchange) -> Answer:
    result = exchange.result
    if result.status is None:
        return Answer(error="timeout" if result.timed_out else "failed")
    return Answer(result.status, exchange.headers, exchange.body)


def _result(exchange: Exchange) -> DeliveryResult:
    """What came of a request, with the wait that a body asks for in the spelling of Discord, Telegram or Matrix."""
    result = exchange.result
    if result.status != 429 or result.retry_after is not None:
        return result
    said = ServiceAnswer(429, exchange.body).json()
    seconds = seconds_of(said.get("retry_after")) or seconds_of(object_of(said.get("parameters")).get("retry_after"))
    millis = seconds_of(said.get("retry_after_ms"))
    seconds = seconds if millis is None else millis / 1_000
    return result if seconds is None else result._replace(retry_after=int(min(seconds, 10**9)) + 1)


def result_of(verdict: Verdict, exchanges: list[Exchange], service: str) -> DeliveryResult:
    """What came of a message. Its status is that of the request that decided."""
    if verdict.problem:
        return DeliveryResult(error=verdict.problem)
    if not exchanges:
        return DeliveryResult(error=f"nothing was sent: the URL names nobody whom {service} could reach")
    results = [_result(exchange) for exchange in exchanges]
    good = [one for one in results if one.status is not None and 200 <= one.status < 300]
    if verdict.taken:
        return DeliveryResult(good[-1].status if good else 200)
    if bad := [one for one in results if one not in good]:
        return bad[-1]
    return DeliveryResult(error=f"{service} answered {results[-1].status}, and did not take the message")
