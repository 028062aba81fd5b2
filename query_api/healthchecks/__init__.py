"""The Healthchecks Management API, v1 to v3 (docs/compatibility/management.md)."""

from query_api.healthchecks import audit_routes, channel_routes, history_routes, project_routes, routes

PREFIXES = ("/api/v1", "/api/v2", "/api/v3")
ROUTERS = (routes.router, channel_routes.router, project_routes.router, history_routes.router, audit_routes.router)
