"""Questions about what would have been: how they are put, and how the answers are told."""
