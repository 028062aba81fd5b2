"""Reports of a project over a span of time: what they say, and how they are computed."""
