"""Maintenance windows and their calendar."""
