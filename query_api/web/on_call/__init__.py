"""Who is called when nobody answers: escalations and rotations."""
