"""Sends what the fold of deliveries says is due: webhooks and mails, with slots, limits and signatures."""
