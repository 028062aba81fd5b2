"""When the domains of monitors expire, asked of their registries."""
