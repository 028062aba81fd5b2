"""What would have been: the journals in Kafka folded again with other settings."""
