"""Settings: what they are, how they are written, and what is said of a wrong one."""
