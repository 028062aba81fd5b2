"""The DNS API: an authoritative server for the addresses of the nodes (docs/decisions/0090)."""
