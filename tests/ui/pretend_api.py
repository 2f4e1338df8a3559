"""The sidecar's HTTP API with canned answers, over a real socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ui import afternoon

BEAT_SECONDS = 5.0
TOKEN = "a-token-of-some-length"


class PretendApi:
    """Serves `sessions`; `say` sends one more snapshot message to every open stream."""

    def __init__(self, sessions: list[dict[str, Any]]) -> None:
        self.sessions = sessions
        self.requests: list[str] = []
        self.posts: list[tuple[str, str | None, bytes]] = []
        self.messages: list[bytes] = []
        self.news = threading.Condition()
        self.is_closing = False
        self.url = ""

    def say(self, *sessions: Mapping[str, Any]) -> None:
        with self.news:
            self.messages.append(
                _frame({"full": False, "sessions": list(sessions), "removed": [], "totals": {}})
            )
            self.news.notify_all()

    def answer(self, path: str) -> Any:
        by_id = {shot["session_id"]: shot for shot in self.sessions}
        match path.removeprefix("/api/v1/").split("/"):
            case ["sessions"]:
                return {"schema_version": 1, "sessions": self.sessions, "history_problem": None}
            case ["sessions", given, *rest]:
                found = [session_id for session_id in by_id if session_id.startswith(given)]
                if len(found) != 1:
                    return None
                if rest:
                    return {"schema_version": 1, "session_id": found[0], "turns": afternoon.turns()}
                return {"schema_version": 1} | by_id[found[0]] | {"side_calls_by_name": []}
            case ["summary"]:
                return {"schema_version": 1, "today": {"cost_usd": 38.4, "cost_complete": True}, "week": None}
            case _:
                return None


def _frame(data: Mapping[str, Any]) -> bytes:
    return b"event: snapshot\nid: 1\ndata: " + json.dumps(data).encode() + b"\n\n"


@contextmanager
def pretend_api(sessions: list[dict[str, Any]], port: int = 0, token: str = TOKEN) -> Iterator[PretendApi]:
    api = PretendApi(sessions)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.reply(401, {"error": {"code": "unauthorized", "message": "no"}})
            elif self.path.startswith("/api/v1/stream"):
                self.stream()
            elif (found := api.answer(urlsplit(self.path).path)) is None:
                self.reply(404, {"error": {"code": "not_found", "message": "There is no session like that."}})
            else:
                self.reply(200, found)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.posts.append((self.path, self.headers.get("Content-Type"), body))
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.reply(401, {"error": {"code": "unauthorized", "message": "no"}})
            elif self.path == "/api/v1/statusline":
                self.reply(
                    200, {"session": api.sessions[0], "others": {"act": 2, "names": ["infra", "docs"]}}
                )
            elif self.path in {f"/api/v1/sessions/{shot['session_id']}/mute" for shot in api.sessions}:
                self.send_response(204)
                self.end_headers()
            else:
                self.reply(404, {"error": {"code": "not_found", "message": "There is no session like that."}})

        def reply(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            sent = len(api.messages)
            try:
                self.wfile.write(
                    _frame({"full": True, "sessions": api.sessions, "removed": [], "totals": {}})
                )
                beat_at = time.monotonic() + BEAT_SECONDS
                while not api.is_closing:
                    with api.news:
                        api.news.wait(0.2)
                        news, sent = api.messages[sent:], len(api.messages)
                    if time.monotonic() >= beat_at:
                        beat_at += BEAT_SECONDS
                        self.wfile.write(b'event: heartbeat\ndata: {"at": 0}\n\n')
                    for message in news:
                        self.wfile.write(message)
            except OSError:
                pass  # the reader went away

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.is_closing = True
        server.shutdown()
        thread.join(5)
        server.server_close()
