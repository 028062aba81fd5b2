"""What would have been: settings in place of those of then, and what is answered. Pure."""
