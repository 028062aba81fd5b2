"""One probe of each kind: http, tcp, tls, icmp and dns, and the connections they use."""
