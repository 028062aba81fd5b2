"""The PoppaPing REST API v1 (docs/compatibility/poppaping.md)."""

from query_api.poppaping import account, alerts, deliveries, incidents, maintenance, monitors, status_pages
from query_api.poppaping.limits import RateLimits
from query_api.poppaping.plans import PLANS
from query_api.poppaping.responses import Fault, fault_answer, on_fault
from query_api.poppaping.send_limiter import HourlySendLimiter
from query_api.poppaping.uptimes import RecentUptimes

PREFIX = "/api/v1"
ROUTERS = (
    account.router,
    monitors.router,
    incidents.router,
    alerts.router,
    deliveries.router,
    status_pages.router,
    maintenance.router,
)
_ROOMS = ("account", "monitors", "incidents", "status-pages", "alerts", "alert-channels", "maintenance-windows")

__all__ = [
    "PLANS",
    "PREFIX",
    "ROUTERS",
    "Fault",
    "HourlySendLimiter",
    "RateLimits",
    "RecentUptimes",
    "fault_answer",
    "on_fault",
    "speaks",
]


def speaks(path: str) -> bool:
    """Whether a path is of this API, which shares its prefix with the Healthchecks Management API."""
    room = path.removeprefix(PREFIX + "/").partition("/")[0]
    return path.startswith(PREFIX + "/") and room in _ROOMS
