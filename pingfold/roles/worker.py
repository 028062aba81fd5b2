"""The worker process: every fold, and the sender beside the fold of deliveries."""

import asyncio
from collections.abc import Mapping

from infra.apprise_library.library import AppriseLibrary
from infra.clock import clock_of
from infra.clock_skew.watch import ClockWatch
from infra.egress.own_servers import guard_of
from infra.egress.resolver import SystemResolver
from infra.log.sink import Sink
from infra.process.tasks import persistent
from infra.secrets.confirmation_links import confirmation_links, subscription_links
from infra.secrets.incident_links import incident_links
from infra.secrets.people_tokens import people_tokens
from infra.secrets.secrets import Vault
from infra.settings.settings import Settings
from pingfold.addresses import kafka_of
from pingfold.folds import FOLDS
from pingfold.roles.open_files import connections
from processors.runtime.runner import StateListener
from processors.runtime.worker import run_worker
from processors.sender.channels.sending import Services
from processors.sender.mail import MailClient
from processors.sender.own_links import OwnLinks
from processors.sender.sender import CEILING, Sender
from processors.sender.webhooks import WebhookClient
from schemas.base import encode
from schemas.deliveries import DeliveryAttempted
from schemas.topics import DELIVERIES


def work(settings: Settings, slot: str) -> None:
    """Run until SIGTERM or SIGINT."""
    bootstrap, vault = kafka_of(settings), Vault.open(settings)
    watching: list[asyncio.Task[None]] = []  # a task that nobody holds may be collected

    def followers() -> Mapping[str, StateListener]:
        sink = Sink(bootstrap)
        clock = clock_of(settings)

        async def report(channel: str, attempted: DeliveryAttempted) -> None:
            clock.refresh()
            await sink.put(DELIVERIES, channel, encode(attempted))

        resolver = SystemResolver()
        guard = guard_of(settings)
        client = WebhookClient(guard, resolver=resolver)
        services = Services(WebhookClient(guard, resolver=resolver, headers={}).exchange, AppriseLibrary().ask)
        links, invitations = confirmation_links(vault), people_tokens(vault)
        mail = MailClient(
            settings, resolver, links=links, invitations=invitations, subscriptions=subscription_links(vault)
        )
        decrypt, ceiling = vault.decrypt, connections(CEILING)
        sender = Sender(
            client.post,
            report,
            decrypt,
            mail=mail.send,
            services=services,
            links=OwnLinks(settings.base_url, settings.pulse_base, incident_links(vault)),
            clock=clock.now,
            pool=ceiling // 4,
            ceiling=ceiling,
        )
        watch = ClockWatch(sink, clock, "worker", f"worker-{slot}")
        watching.append(persistent(watch.keep_looking, name="clock-watch"))
        return {"deliveries": sender}

    run_worker(settings, bootstrap, slot, FOLDS, followers)
