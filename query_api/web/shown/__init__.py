"""What pages show of things, times, changes and runs: words and plots."""
