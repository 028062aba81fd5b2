"""The roles, each put together from its parts: web, worker, prober, history writer."""
