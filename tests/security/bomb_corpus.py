"""Bodies made to break whoever reads them: small to send and large to read, deep, endless, or of countless parts."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import brotli
import zstandard

from clauditor.model.events import InputLimit

KIB: Final = 1024
MIB: Final = 1024 * KIB
PIECE: Final = 1 * MIB
STREAM: Final = "text/event-stream"
JSON: Final = "application/json"

Make = Callable[[int], Iterable[bytes]]
"""The body for a size in MiB that is large in earnest, and small in CI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bomb:
    """`limit`: what is to be reached, None: it is nonsense, but not too much of anything."""

    name: str
    make: Make
    side: Literal["request", "answer"] = "answer"
    coding: str = ""
    content_type: str = STREAM
    headers: tuple[tuple[str, str], ...] = ()
    limit: InputLimit | None = None


START: Final = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5",'
    b'"usage":{"input_tokens":7,"output_tokens":1}}}\n\n'
)
END: Final = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
ASK: Final = (
    b'{"model":"claude-opus-5-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]'
)
DEEP: Final = b"[" * 100_000 + b"]" * 100_000


def event(name: bytes, data: bytes) -> bytes:
    return b"event: " + name + b"\ndata: " + data + b"\n\n"


def packed(coding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces in a coding, or a stack of them, as they come."""
    for name in coding.split(", "):
        pieces = _PACKERS[name](pieces)
    return iter(pieces)


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    return _deflated(zlib.compressobj(9, wbits=31), pieces)


def _deflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    return _deflated(zlib.compressobj(9), pieces)


def _deflated(packer: zlib._Compress, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _br(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = brotli.Compressor(quality=4, lgwin=24)
    for piece in pieces:
        yield packer.process(piece)
    yield packer.finish()


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


_PACKERS: Final = {"gzip": _gzip, "deflate": _deflate, "br": _br, "zstd": _zstd}


def repeated(unit: bytes, mib: float, *, before: bytes = b"", after: bytes = b"") -> Iterator[bytes]:
    """The unit again and again, `mib` in all, in pieces of a megabyte."""
    piece = unit * max(1, PIECE // len(unit))
    yield before
    for _ in range(max(1, int(mib * MIB) // len(piece))):
        yield piece
    yield after


def zeros(coding: str, before: bytes = b"") -> Make:
    return lambda mib: packed(coding, repeated(b"\0", mib, before=before))


def whole(*parts: bytes) -> Make:
    return lambda _: [b"".join(parts)]


def listed(item: bytes, mib: float, before: bytes, after: bytes) -> Iterator[bytes]:
    return repeated(item + b",", mib, before=before, after=item + after)


def always(make: Callable[[], Iterable[bytes]]) -> Make:
    """The same body for every size."""
    return lambda _: make()


def in_gzip(make: Callable[[], Iterable[bytes]]) -> Make:
    return lambda _: packed("gzip", make())


def _members(_: int) -> Iterator[bytes]:
    empty = b"".join(_gzip([b""]))
    yield empty * 20_000


def _blocks(item: bytes, mib: float) -> Iterator[bytes]:
    return listed(item, mib, ASK.removesuffix(b'"x"}]') + b"[", b"]}]}")


_CALL: Final = b'{"content_block":{"type":"tool_use","id":"t","name":"Bash"},"index":%d}'

ANSWERS: Final = (
    *(
        Bomb(name=f"zeros, {coding}", make=zeros(coding), coding=coding, limit="expansion")
        for coding in ("gzip", "deflate", "br", "zstd", "br, gzip", "gzip, zstd", "zstd, br, gzip", "br, br, br")
    ),
    Bomb(name="20,000 gzip members", make=_members, coding="gzip", limit="expansion"),
    Bomb(
        name="a JSON answer of zeros, br", make=zeros("br", b'{"type":"message","x":"'), coding="br", content_type=JSON,
        limit="expansion",
    ),
    Bomb(name="an error of zeros, zstd", make=zeros("zstd"), coding="zstd", content_type=JSON, limit="answer", headers=((":status", "500"),)),
    Bomb(name="one line", make=lambda mib: repeated(b"x", mib, before=START + b"data: "), limit="line"),
    Bomb(name="lines that carriage returns end", make=lambda mib: repeated(b"data:\r", mib / 16, before=START), limit="events"),
    Bomb(name="empty lines, gzip", make=in_gzip(lambda: repeated(b"\n", 30, before=START)), coding="gzip", limit="events"),
    Bomb(name="tiny events, gzip", make=in_gzip(lambda: repeated(b"data:a\n\n", 30, before=START)), coding="gzip", limit="events"),
    Bomb(
        name="unreadable events, gzip", make=in_gzip(lambda: repeated(event(b"content_block_delta", b"{"), 30, before=START)),
        coding="gzip", limit="events",
    ),
    Bomb(
        name="events with half surrogates, gzip", coding="gzip", limit="events",
        make=in_gzip(lambda: repeated(event(b"content_block_delta", b'{"delta":{"text":"\\ud800"},"index":-}'), 30, before=START)),
    ),
    Bomb(name="100,000 levels", make=whole(START, event(b"content_block_delta", b'{"x":' + DEEP + b"}"), END), limit="nesting"),
    Bomb(
        name="100,000 levels, in a JSON answer", make=whole(b'{"type":"message","content":' + DEEP + b"}"), content_type=JSON,
        limit="nesting",
    ),
    Bomb(
        name="a number of 5,000 digits", limit="number",
        make=whole(START, event(b"message_delta", b'{"usage":{"output_tokens":' + b"9" * 5000 + b"}}"), END),
    ),
    Bomb(name="1e999", make=whole(START, event(b"message_delta", b'{"usage":{"output_tokens":1e999}}'), END), limit="number"),
    Bomb(name="NaN and Infinity", make=whole(START, event(b"message_delta", b'{"usage":{"output_tokens":NaN},"x":-Infinity}'), END)),
    Bomb(name="half a surrogate pair", make=whole(START, event(b"content_block_delta", b'{"delta":{"text":"\\udc00 \\ud800"}}'), END)),
    Bomb(name="bytes that are no UTF-8", make=whole(START, event(b"content_block_delta", b'{"delta":{"text":"\xff\xfe\xc0\x80"}}'), END)),
    Bomb(name="a key twice", make=whole(START, event(b"message_delta", b'{"usage":{"output_tokens":1},"usage":{"output_tokens":2}}'), END)),
    Bomb(
        name="an input of 2.8 million lists", limit="tool_input",
        make=lambda _: [START, *listed(b"[]", 7.9, b'event: content_block_start\ndata: {"content_block":{"type":"tool_use","id":"t",'
                        b'"name":"Bash","input":[', b"]}}\n\n"), END],
    ),
    Bomb(
        name="a JSON answer of 2.8 million lists", content_type=JSON, limit="items",
        make=lambda _: listed(b"[]", 7.9, b'{"type":"message","model":"m","content":[', b"]}"),
    ),
    Bomb(name="10,000 open blocks", make=lambda _: [START, *(event(b"content_block_start", _CALL % n) for n in range(10_000)), END], limit="blocks"),
    Bomb(
        name="5,000 tool calls", limit="tools",
        make=lambda _: [START, *(event(b"content_block_start", _CALL % n) + event(b"content_block_stop", b'{"index":%d}' % n) for n in range(5000)), END],
    ),
    Bomb(
        name="64 inputs in pieces of two bytes", limit="tool_input",
        make=lambda _: [
            START,
            *(event(b"content_block_start", _CALL % n) for n in range(64)),
            *((b"".join(event(b"content_block_delta", b'{"delta":{"partial_json":"ab"},"index":%d}' % n) for n in range(64))) * 100 for _ in range(20)),
            *(event(b"content_block_delta", b'{"delta":{"partial_json":"' + b"x" * 300 * KIB + b'"},"index":0}'),),
        ],
    ),
    Bomb(
        name="1,500 headers", make=whole(START, END), limit="headers",
        headers=tuple((f"anthropic-ratelimit-unified-w{n}-utilization", "0.5") for n in range(1500)),
    ),
)  # fmt: skip
"""Answers."""

_COUNTLESS: Final[tuple[tuple[str, Callable[[], Iterable[bytes]], InputLimit | None], ...]] = (
    ("1.4 million messages", lambda: listed(b'{"role":"","content":0}', 32, ASK[:-1] + b",", b"]}"), "items"),
    ("1.4 million blocks", lambda: _blocks(b'{"type":"text","text":""}', 32), "items"),
    ("17 million digits", lambda: _blocks(b"1", 32), "items"),
    ("1.3 million tools", lambda: listed(b'{"name":"a","x":{}}', 32, ASK + b',"tools":[', b"]}"), "items"),
    ("1.3 million system blocks", lambda: listed(b'{"type":"x"}', 32, ASK + b',"system":[', b"]}"), "items"),
    ("2 million cache marks", lambda: _blocks(b'{"type":"text","text":"' + b"x" * 400 + b'","cache_control":{}}', 32), None),
    ("keys in escapes", lambda: listed(b'{"\\u0072ole":"","content":0}', 32, ASK[:-1] + b",", b"]}"), "items"),
)  # fmt: skip

REQUESTS: Final = (
    *(
        Bomb(name=f"a request of zeros, {coding}", make=zeros(coding, ASK[:-2]), side="request", coding=coding, limit="expansion")
        for coding in ("gzip", "br", "zstd", "br, gzip, zstd")
    ),
    Bomb(name="a request of blanks, gzip", make=in_gzip(lambda: repeated(b" ", 60, before=ASK)), side="request", coding="gzip", limit="expansion"),
    Bomb(name="a request of 100,000 levels", make=whole(ASK, b',"x":', DEEP, b"}"), side="request", limit="nesting"),
    Bomb(name="a request with a number of 5,000 digits", side="request", limit="number", make=whole(ASK, b',"metadata":{"x":', b"9" * 5000, b"}}")),
    Bomb(name="a request with NaN", side="request", make=whole(ASK, b',"metadata":{"x":NaN}}')),
    Bomb(name="a request with half surrogates", side="request", make=lambda _: repeated(b"\\ud800", 4, before=ASK + b',"x":"', after=b'"}')),
    Bomb(name="a request that is no UTF-8", side="request", make=whole(ASK, b',"x":"\xff\xfe"}')),
    Bomb(name="a request with a key twice", side="request", make=whole(ASK, b',"messages":[],"model":"other"}')),
    *(
        Bomb(name=f"a request of {name}", make=always(make), side="request", limit=limit)
        for name, make, limit in _COUNTLESS
    ),
    Bomb(
        name="a request with 9,000 headers", make=whole(ASK, b"}"), side="request", limit="headers",
        headers=(*((f"x-{n}", "y") for n in range(9000)), ("anthropic-beta", "z" * 200_000)),
    ),
)  # fmt: skip
"""Requests."""

BOMBS: Final = (*ANSWERS, *REQUESTS)
