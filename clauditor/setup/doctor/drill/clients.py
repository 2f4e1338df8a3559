"""Pretend clients: one answer after the other, each piece's time and every byte's digest noted.

Some go through the proxy, some directly to the vendor at the same time: what the machine itself adds shows in both.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self
from urllib.parse import urlsplit

Route = Literal["proxy", "direct"]

PROXIED: Final = 4
DIRECT: Final = 2
REQUEST_TEXT: Final = "Please go on. " * 7000  # about 100 KB, as a session of an hour sends
SILENT_SECONDS: Final = 8.0  # a stream of which nothing comes for so long is stuck
AGAIN_SECONDS: Final = 0.2  # a client that was cut off asks again a little later
CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One exchange as its client saw it. `phase` is the one in which it ended; `error` None: the answer is whole."""

    session_id: str
    route: Route
    phase: str
    request_sha256: str
    sha256: str
    error: str | None
    pauses: Mapping[str, float]
    """The longest wait for a piece in each phase, in seconds; the first piece counts from the request on."""


class Clients:
    """They ask for as long as the block lasts. `phase` is what the notes are filed under: set it before a fault."""

    def __init__(self, proxy_url: str, vendor_url: str) -> None:
        self.phase = ""
        self._answers: list[Answer] = []
        self._stopping = threading.Event()
        routes: tuple[tuple[Route, str], ...] = (
            *((("proxy", proxy_url),) * PROXIED),
            *((("direct", vendor_url),) * DIRECT),
        )
        self._threads = [
            threading.Thread(target=self._work, args=route, name=f"client-{number}", daemon=True)
            for number, route in enumerate(routes)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()

    def stop(self) -> list[Answer]:
        """Let every answer end; returns all of them."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(SILENT_SECONDS)
        return list(self._answers)

    def _work(self, route: Route, url: str) -> None:
        while not self._stopping.is_set():
            answer = self._ask(route, url)
            self._answers.append(answer)
            if answer.error is not None:
                self._stopping.wait(AGAIN_SECONDS)

    def _ask(self, route: Route, url: str) -> Answer:
        session_id = str(uuid.uuid4())
        body = _body(session_id)
        digest = hashlib.sha256()
        pauses: dict[str, float] = {}
        error: str | None = None
        last = time.monotonic()
        try:
            for piece in _pieces(url, session_id, body):
                now = time.monotonic()
                pauses[self.phase] = max(pauses.get(self.phase, 0.0), now - last)
                last = now
                digest.update(piece)
        except (OSError, http.client.HTTPException) as failure:
            error = type(failure).__name__
        return Answer(
            session_id=session_id,
            route=route,
            phase=self.phase,
            request_sha256=hashlib.sha256(body).hexdigest(),
            sha256=digest.hexdigest(),
            error=error,
            pauses=pauses,
        )


def _body(session_id: str) -> bytes:
    request = {
        "model": "claude-opus-5-5",
        "max_tokens": 32000,
        "stream": True,
        "messages": [{"role": "user", "content": REQUEST_TEXT}],
        "metadata": {"user_id": json.dumps({"device_id": "", "account_uuid": "", "session_id": session_id})},
    }
    return json.dumps(request).encode()


def _pieces(url: str, session_id: str, body: bytes) -> Iterator[bytes]:
    """The answer's body as it comes; raises OSError or HTTPException if it does not come whole."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=SILENT_SECONDS)
    try:
        head = {
            "Content-Type": "application/json",
            "anthropic-version": "2023-06-01",
            "User-Agent": "clauditor-drill",
            "X-Claude-Code-Session-Id": session_id,
        }
        connection.request("POST", "/v1/messages?beta=true", body=body, headers=head)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"status {response.status}")
        while piece := response.read1(CHUNK_BYTES):
            yield piece
    finally:
        connection.close()
