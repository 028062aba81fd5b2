"""The fold of heartbeat checks: pings and time decide their status. Pure."""
