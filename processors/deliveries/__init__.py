"""The fold of deliveries: what is sent to which channel and when, and how it ends. Pure."""
