"""Folding journals again, for questions about the past: where to begin, and what to read."""
