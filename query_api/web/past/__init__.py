"""Everything as it was, and what other settings would have told."""
