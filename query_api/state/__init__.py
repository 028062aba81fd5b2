"""Current states for the APIs: replicas of state topics, and their freshness."""
