"""What is asked and answered while a fault strikes: four sizes of bodies, and the stream that is open meanwhile."""

from __future__ import annotations

import functools
import json
import random
from dataclasses import dataclass
from typing import Final

from clauditor.demo import Hold, Reply, Text

MIB: Final = 1 << 20
INSPECTED_REQUEST_BYTES: Final = 34 * MIB
"""The sidecar reads no longer request: the API takes none above 32 MB. What passes then is told as a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One size of exchange. The answer is a stream that takes `seconds` (0: as fast as it goes)."""

    name: str
    request_bytes: int
    answer_bytes: int
    seconds: float = 0.0
    piece_bytes: int = 4000
    clients: int = 2
    """At each of the two proxies."""
    rest_seconds: float = 0.0
    """Between two exchanges of a client: without it, quick ones would measure nothing but how busy the machine is."""
    is_raw: bool = False
    """Bytes both ways, and no messages: the pretend vendor would take seconds to read so much JSON, one at a time. It
    still hashes them in one go, during which nobody else hears from it: the longest pause says nothing then.
    """

    @property
    def is_inspected(self) -> bool:
        return self.request_bytes < INSPECTED_REQUEST_BYTES


SMALL: Final = Kind(name="small", request_bytes=200, answer_bytes=200, clients=3, rest_seconds=0.05)
STREAMING: Final = Kind(
    name="streaming", request_bytes=20_000, answer_bytes=60_000, seconds=1.0, piece_bytes=1200
)
FOUR: Final = Kind(
    name="4MB", request_bytes=4 * MIB, answer_bytes=4 * MIB, seconds=1.0, piece_bytes=40_000, clients=1
)
SIXTY_FOUR: Final = Kind(
    name="64MB",
    request_bytes=63 * MIB,
    answer_bytes=64 * MIB,
    piece_bytes=64_000,
    clients=1,
    is_raw=True,
)
STALLED: Final = Kind(
    name="stalled", request_bytes=500, answer_bytes=64 * MIB, seconds=65.0, piece_bytes=20_000
)
MATRIX: Final = (SMALL, STREAMING, FOUR, SIXTY_FOUR)
KINDS: Final = {kind.name: kind for kind in (*MATRIX, STALLED)}


@functools.cache
def reply(kind: Kind) -> Reply:
    """What the vendor answers to it."""
    if kind.is_raw:
        body = prose(kind.answer_bytes).encode()
        return Reply(body=body, content_type="text/event-stream", chunk_bytes=kind.piece_bytes)
    pace = kind.answer_bytes / 4 / kind.seconds if kind.seconds else None
    return Reply(
        steps=(Text(prose(kind.answer_bytes)),), tokens_per_second=pace, piece_characters=kind.piece_bytes
    )


def held(name: str) -> Reply:
    """A stream that begins, and goes on when `name` is released."""
    return Reply(
        steps=(Text(prose(2000)), Hold(name), Text(prose(200_000))),
        piece_characters=4000,
    )


def body(kind: Kind) -> bytes:
    """What its clients send; the same one each time."""
    return prose(kind.request_bytes).encode() if kind.is_raw else request(kind.request_bytes)


@functools.cache
def request(size: int) -> bytes:
    """The body of a call, about so long."""
    messages = [{"role": "user", "content": prose(size)}]
    return json.dumps(
        {"model": "claude-opus-5-5", "max_tokens": 64, "stream": True, "messages": messages}
    ).encode()


@functools.cache
def prose(size: int) -> str:
    """Text that looks different everywhere, so that a piece that is missing or moved changes its hash."""
    return random.Random(size).randbytes((size + 1) // 2).hex()[:size]  # noqa: S311 - nothing secret
