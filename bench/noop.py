"""The limit that ingest is compared with: an application that does nothing, on the very server of the web process.

`python -m bench.noop` serves it on `PINGFOLD_PORT` until SIGTERM. It answers what a good ping is answered.
"""

from typing import Any

import uvloop

from infra.settings import Settings
from ingest.ping.answers import Answers
from pingfold.web import _listen


def main() -> None:
    settings = Settings()
    answer = Answers(settings).ok

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(answer.start)
        await send(answer.body)

    uvloop.run(_listen(settings, app))


if __name__ == "__main__":
    main()
