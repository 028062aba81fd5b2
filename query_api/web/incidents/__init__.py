"""Incidents from the first failing result to the last notice, and why a thing is as it is."""
