"""Metrics of the HTTP server: open connections, and requests refused before any application saw them."""

from infra import metrics as metrics_table
from infra.http_server.bounds import EVERY
from infra.http_server.connection_limiter import ConnectionLimiter

_CONNECTIONS = metrics_table.HTTP_CONNECTIONS.create()
_REFUSED = metrics_table.HTTP_REFUSED.create()


class ConnectionMetrics:
    """Tells what has come since the last time."""

    def __init__(self, limiter: ConnectionLimiter) -> None:
        self._limiter = limiter
        self._counted = dict.fromkeys(EVERY, 0)

    def update(self) -> None:
        for refused in EVERY:
            new = self._limiter.refused[refused] - self._counted[refused]
            if new:
                self._counted[refused] += new
                _REFUSED.labels(str(refused.status.value), refused.words).inc(new)
        _CONNECTIONS.set(len(self._limiter.members))
