"""The limit that ingest is compared with: an application that does nothing, on the very server of the web process.

`python -m bench.noop` serves it on `PINGFOLD_PORT` until SIGTERM. It answers what a good ping is answered.
"""

from typing import Any

from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.listening import bind
from infra.http_server.serve import serve as serve_http
from infra.process.lifecycle import Stop, run_role
from infra.settings.settings import Settings
from ingest.ping.responses import PingResponses


def main() -> None:
    settings = Settings()
    answer = PingResponses(settings).ok

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(answer.start)
        await send(answer.body)

    async def serve(stop: Stop) -> None:
        stop.started()
        await serve_http(app, [bind(settings.host, settings.port)], ConnectionLimiter(), stop)

    run_role("noop", settings.data, serve, {})


if __name__ == "__main__":
    main()
