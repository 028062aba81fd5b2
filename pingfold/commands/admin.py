"""How commands send a request to the fold `projects` through Kafka.

`ask` returns the decision of the fold. Without a decision within 10 s it raises an error; the change may still be made.
"""

import asyncio

from msgspec.structs import replace

from infra.log import admin
from infra.log.decisions import Decisions, NoDecision
from infra.log.sink import Sink
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.os_user import operator
from pingfold.commands.rejections import message_of
from pingfold.errors import CommandFailed, RequestRefused
from schemas.requests import ProjectsRequest


def ask(settings: Settings, project: str, request: ProjectsRequest) -> None:
    """Have the `projects` fold carry out a request. Raises `CommandFailed` when it does not."""
    asked = replace(request, actor=operator())
    asyncio.run(_verdict(answering_kafka_of(settings), project, asked))


async def _verdict(bootstrap: str, project: str, request: ProjectsRequest) -> None:
    sink = Sink(bootstrap)
    decisions = Decisions(bootstrap, await asyncio.to_thread(admin.partition_count, bootstrap), sink)
    try:
        await decisions.start()
        decision = await decisions.ask(project, request, timeout=10.0)
    except NoDecision as error:
        raise CommandFailed(f"no answer ({error}): is a worker running?") from error
    finally:
        await decisions.close()
        await sink.close()
    if (rejection := decision.rejection) is not None:
        raise RequestRefused(message_of(rejection), rejection.code)
