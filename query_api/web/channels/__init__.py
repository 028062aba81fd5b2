"""Channels, their deliveries, message templates and mutes."""
