"""Pages and forms of heartbeat checks."""
