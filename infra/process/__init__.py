"""The life of a role's process: signals, liveness, background tasks, logs, and what it publishes on this machine."""
