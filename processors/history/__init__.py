"""Writes history from Kafka into ClickHouse, and keeps its roll-ups."""
