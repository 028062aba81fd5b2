"""Current states as the API sees them: replicas of state topics, and how fresh they are."""
