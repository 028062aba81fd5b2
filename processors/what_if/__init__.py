"""What would have been: a journal folded again with other settings, and compared with what was. Pure."""
