"""Clients that measure: one thread each, plain HTTP/1.1, every pause between two pieces noted.

Source: RFC 9112, as Python's http.client reads it.
"""

from __future__ import annotations

import hashlib
import http.client
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE_BYTES = 1 << 16
PATIENCE_SECONDS = 150.0  # longer than any stall under test: one that never ends is an error


@dataclass(slots=True)
class Heard:
    """One exchange as its client knows it. Times are of `time.monotonic`.

    `pauses`: seconds between two pieces, those that were sent and the wait for the answer's first byte included (but
    not where the vendor first has megabytes to read, one exchange after the other).
    """

    session_id: str
    began_at: float
    status: int | None = None
    error: str | None = None
    request_sha256: str = ""
    response_sha256: str = ""
    response_bytes: int = 0
    pauses: array[float] = field(default_factory=lambda: array("d"))
    ended_at: float = 0.0

    @property
    def is_whole(self) -> bool:
        return self.error is None and self.status == 200


def exchange(
    url: str,
    session_id: str,
    body: bytes,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    counts_wait: bool = True,
    on_first: Callable[[], None] = lambda: None,
) -> Heard:
    """Ask once and read to the end. Never raises on what happens to the connection: `error` says it."""
    heard = Heard(session_id, began_at=time.monotonic())
    digest = hashlib.sha256()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience_seconds)
    last = heard.began_at

    def note() -> None:
        nonlocal last
        now = time.monotonic()
        heard.pauses.append(now - last)
        last = now

    try:
        connection.putrequest("POST", "/v1/messages", skip_accept_encoding=True)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-api-key", "sk-ant-fake"),
            ("x-claude-code-session-id", session_id),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        sent = hashlib.sha256()
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            connection.send(piece)
            sent.update(piece)
            note()
        heard.request_sha256 = sent.hexdigest()
        answer = connection.getresponse()
        heard.status = answer.status
        if not counts_wait:
            last = time.monotonic()
        while piece := answer.read1(PIECE_BYTES):
            note()
            digest.update(piece)
            heard.response_bytes += len(piece)
            if heard.response_bytes == len(piece):
                on_first()
    except (OSError, http.client.HTTPException) as error:
        heard.error = type(error).__name__
    finally:
        connection.close()
        heard.response_sha256 = digest.hexdigest()
        heard.ended_at = time.monotonic()
    return heard
