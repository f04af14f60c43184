"""A web service on this machine, to which alerts are sent as JSON."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """A web service on this machine.

    Attributes:
        got: what it accepted.
        code: its answer.
        takes_pictures: whether it accepts what comes with one.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.code = 200
        self.takes_pictures = True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Takes what is posted."""

            def do_POST(self) -> None:
                """Keeps it, where it is to be accepted."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                post = json.loads(body)
                wanted = receiver.takes_pictures or not post.get("attachments")
                code = receiver.code if wanted else 413
                if code == 200:
                    receiver.got.append(post)
                self.send_response(code)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        """As Apprise writes it, with a secret."""
        return f"json://user:s3cret@127.0.0.1:{self.server.server_port}/hook"

    def close(self) -> None:
        """No more."""
        self.server.shutdown()
        self.server.server_close()
