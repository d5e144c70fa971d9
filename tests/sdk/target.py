"""An application that takes pushes over HTTP."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How long a push may take on a machine that is busy with other tests.
SOON = 60


class Target:
    """Answers 200 to each push and keeps its headers and body."""

    def __init__(self):
        self.pushes = pushes = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pushes.put((dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.pushes.get(timeout=SOON)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
