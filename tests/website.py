"""A web site for probers: an HTTP server of the test on a port of its own, whose answers the test chooses."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Website:
    """Answers every GET with `status`; `status` may be changed at any time. `requests`: how many came."""

    def __init__(self) -> None:
        self.status = 200
        self.requests = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests += 1
                self.send_response(site.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: object) -> None:
                """Probers that are killed do not wait for their answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/health"

    def __enter__(self) -> "Website":
        threading.Thread(target=self._server.serve_forever, name="website", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
