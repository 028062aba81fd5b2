"""The editor of status pages, their posts and subscribers."""
