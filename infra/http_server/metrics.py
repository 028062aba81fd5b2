"""Metrics of the HTTP server: open connections, and requests refused before any application saw them."""

from prometheus_client import Counter, Gauge

from infra.http_server.bounds import EVERY
from infra.http_server.connection_limiter import ConnectionLimiter

_CONNECTIONS = Gauge("pingfold_http_connections", "Connections of clients", multiprocess_mode="livesum")
_REFUSED = Counter(
    "pingfold_http_refused_total", "Requests and connections refused by the HTTP server", ["status", "text"]
)


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
