"""What every API shares of HTTP: bodies, errors, CORS, headers, routes."""
