"""The fold of monitors: results of probes and time decide their status. Pure."""
