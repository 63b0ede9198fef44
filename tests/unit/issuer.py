"""An issuer of keys on a real local server, which may be down, slow or lying."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.signing import key_set

Answer = Callable[[BaseHTTPRequestHandler], None]


class Issuer:
    """Answers with whatever a test says, and counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.publish(*keys)
        self.fetches = 0
        self.given_up = threading.Event()
        """A client hung up before it had everything."""
        self._released = threading.Event()
        self._port = 0

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self._port}/jwks.json"

    def publish(self, *keys: Any) -> None:
        """Answer with these keys."""
        self.say(key_set(*keys))

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with any body, status and headers."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in {"content_length": str(len(body)), **headers}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()
            request.wfile.write(body)

        self.answer: Answer = answer

    def hang(self) -> None:
        """Accept and say nothing."""
        self.answer = lambda _: self._wait_for_the_client_to_leave(b"")

    def trickle(self, start: bytes, drop: bytes) -> None:
        """Begin an answer and go on byte by byte, for as long as the client listens."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.wfile.write(start)
            self._wait_for_the_client_to_leave(drop, request)

        self.answer = answer

    def _wait_for_the_client_to_leave(self, drop: bytes, request: BaseHTTPRequestHandler | None = None) -> None:
        try:
            while not self._released.wait(0.02):
                if request:
                    request.wfile.write(drop)
        except OSError:
            self.given_up.set()

    def start(self) -> None:
        """Serve, at the same address as before."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                with suppress(OSError):
                    issuer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._released.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
