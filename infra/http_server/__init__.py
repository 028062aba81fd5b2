"""The HTTP server of the web process: uvicorn with httptools, and bounds on everything that comes before a request."""
