"""Pages and forms of monitors."""
