"""The fold of projects: it decides what people ask for. Pure."""
