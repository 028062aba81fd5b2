"""The fold of heartbeat checks: pings and time determine their status. Pure."""
