"""The place that hooks and status lines post to: the sidecar's two endpoints, pretended on a free port."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-some-length"


@dataclass
class Posts:
    """What came in, and what is answered to a status line."""

    port: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


@contextmanager
def taking_posts() -> Iterator[Posts]:
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.tokens.append(self.headers["Authorization"])
            posts.raw.append(body)
            posts.bodies.append((self.path, json.loads(body)))
            answer = json.dumps(posts.answer).encode() if self.path == "/api/v1/statusline" else b""
            self.send_response(posts.status if answer else 204)
            if answer:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posts.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield posts
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextmanager
def saying(data: bytes, *, closes: bool = True) -> Iterator[int]:
    """A port where something else answers: `data` to each connection, which then ends or just stays."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                with connection if closes else socket.socket():
                    try:
                        connection.settimeout(2)
                        connection.recv(65536)
                        connection.sendall(data)
                    except OSError:
                        continue

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in kept:
                connection.close()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installation(directory: Path, *, api_port: int, port: int) -> Path:
    """A data directory as a start leaves it: the plan with its ports, and the token."""
    run = directory / "run"
    run.mkdir(parents=True)
    plan = {"host": "127.0.0.1", "port": port, "api_host": "127.0.0.1", "api_port": api_port}
    (run / "stack.json").write_text(json.dumps(plan))
    (directory / "token").write_text(TOKEN + "\n")
    return directory
