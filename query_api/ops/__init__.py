"""For operators: health, readiness and metrics."""
