"""A pretend vendor for the compose stack: run in a container as text, and imported by the test for what it must say.

POST /v1/messages answers one short streamed message; GET /stream answers `CHUNKS` chunks over about `SECONDS`.
"""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

PORT = 8080
CHUNKS = 80
CHUNK_BYTES = 512 << 10  # 40 MiB in all: more than Envoy's own buffers hold for a reader that stopped
SECONDS = 8.0
USAGE = {
    "input_tokens": 11,
    "cache_read_input_tokens": 500,
    "cache_creation_input_tokens": 70,
    "output_tokens": 1,
}
OUTPUT_TOKENS = 23
MODEL = "claude-sonnet-4-5"

EVENTS = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": USAGE,
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Three rivers."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {**USAGE, "output_tokens": OUTPUT_TOKENS},
    },
    {"type": "message_stop"},
)


def chunks() -> list[bytes]:
    """The bytes of /stream: the same in every process."""
    random = Random(7)  # noqa: S311 - test data
    return [random.randbytes(CHUNK_BYTES) for _ in range(CHUNKS)]


def message() -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in EVENTS)


class Vendor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._head("text/event-stream")
        self._chunk(message())
        self._chunk(b"")

    def do_GET(self) -> None:
        self._head("application/octet-stream")
        for chunk in chunks():
            self._chunk(chunk)
            time.sleep(SECONDS / CHUNKS)
        self._chunk(b"")

    def _head(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


if __name__ == "__main__":
    # Loopback of the proxy's own network namespace, which this container shares.
    ThreadingHTTPServer(("127.0.0.1", PORT), Vendor).serve_forever()
