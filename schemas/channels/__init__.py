"""The kinds of channels: what each is configured by, how that is checked, shown and kept secret. Pure."""
