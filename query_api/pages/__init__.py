"""Pages for people: the dashboard at `/` and the page of a check, which notices link to. HTML without scripts."""
