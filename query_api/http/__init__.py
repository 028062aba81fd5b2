"""HTTP code that all APIs share: bodies, errors, CORS, headers, routes."""
