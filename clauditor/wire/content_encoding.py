"""Content codings undone incrementally and within bounds (RFC 9110 section 8.4.1, RFC 9659 for zstd).

Identity, gzip (also of several members), deflate (with or without the zlib wrapper), br, zstd, and
stacks of them. Input is hostile: output is handed on in small pieces, every stage of a stack has its
own bound, and damage or a bomb stops the decoding with a word that says why. Cut input is no damage.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Literal, Protocol

import brotli
import zstandard

Stop = Literal["unknown_encoding", "corrupt", "limit"]

_INPUT_SLICE: Final = 8 * 1024  # bounds what one step may expand, and the copies zlib makes of its rest
_PIECE: Final = 256 * 1024  # output handed on at a time
_HELD: Final = 8 * 1024 * 1024  # zstd has no output bound: what one input slice may expand to
_ZSTD_WINDOW: Final = 8 * 1024 * 1024  # RFC 9659: the most a sender may ask of an HTTP client
_EXPANSION: Final = 100  # bytes out for a byte in, once ...
_FREE_EXPANSION: Final = (
    4 * 1024 * 1024
)  # ... this much came out: event streams reach 15, bombs 1,000 and more
_MEMBERS: Final = 10_000  # gzip members: an empty one costs 20 bytes to send and a decompressor to read
_STACK: Final = 3  # codings on top of each other; one is usual, two are a curiosity


class _Stopped(Exception):  # noqa: N818  (control flow inside this module, never seen outside)
    def __init__(self, reason: Stop) -> None:
        super().__init__(reason)
        self.reason: Stop = reason


class _Codec(Protocol):
    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class BodyDecoder:
    """Undoes one message's `Content-Encoding`.

    `total_bytes` bounds the output of a message, `call_bytes` that of one call, at every stage of a stack;
    so does a hundredfold expansion, after a few free MB. `stopped` says why
    decoding ended early (None: it did not). Without any coding, `is_identity` is true and data may go
    around the decoder.
    """

    def __init__(self, content_encoding: str, *, total_bytes: int, call_bytes: int) -> None:
        names = [name for name in (part.strip().lower() for part in content_encoding.split(",")) if name]
        codings = [name for name in names if name != "identity"]
        self.stopped: Stop | None = None
        self._stages: list[_Codec] = []
        if len(codings) > _STACK or any(name not in _CODECS for name in codings):
            self.stopped = "unknown_encoding"
        else:
            self._stages = [_CODECS[name]() for name in reversed(codings)]
        self.is_identity = not codings
        self._total_bytes = total_bytes
        self._input_bytes = 0
        self._output_bytes = [0] * len(self._stages)
        self._call_bytes = call_bytes
        self._call_room: list[int] = []

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces of the next data, each at most a few hundred KiB. Never raises."""
        if self.stopped is not None:
            return
        self._call_room = [self._call_bytes] * len(self._stages)
        self._input_bytes += len(data)
        try:
            yield from self._through(0, data)
        except _Stopped as stop:
            self.stopped = stop.reason
        except (zlib.error, brotli.error, zstandard.ZstdError, MemoryError):
            self.stopped = "corrupt"

    def _through(self, level: int, data: bytes) -> Iterator[bytes]:
        if level == len(self._stages):
            yield data
            return
        codec = self._stages[level]
        most = min(self._total_bytes, _FREE_EXPANSION + self._input_bytes * _EXPANSION)
        for start in range(0, len(data), _INPUT_SLICE):
            for piece in codec.pieces(data[start : start + _INPUT_SLICE]):
                self._output_bytes[level] += len(piece)
                self._call_room[level] -= len(piece)
                if self._output_bytes[level] > most or self._call_room[level] < 0:
                    raise _Stopped("limit")
                yield from self._through(level + 1, piece)


class _Gzip:
    def __init__(self) -> None:
        self._inflater: zlib._Decompress | None = zlib.decompressobj(wbits=31)
        self._members = 1
        self._is_over = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data and not self._is_over:
            if self._inflater is None:
                data = data.lstrip(b"\0")  # padding between and after members
                if not data:
                    return
                if data[0] != 0x1F:  # trailing garbage, which every gzip reader ignores
                    self._is_over = True
                    return
                self._members += 1
                if self._members > _MEMBERS:
                    raise _Stopped("limit")
                self._inflater = zlib.decompressobj(wbits=31)
            yield from _inflate(self._inflater, data)
            if not self._inflater.eof:
                return
            data = self._inflater.unused_data
            self._inflater = None


class _Deflate:
    """RFC 9110 means the zlib wrapper; some servers send the bare stream. The first two bytes tell."""

    def __init__(self) -> None:
        self._head = b""
        self._inflater: zlib._Decompress | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            is_wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inflater = zlib.decompressobj(wbits=15 if is_wrapped else -15)
        if not self._inflater.eof:
            yield from _inflate(self._inflater, data)


def _inflate(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while True:
        piece = inflater.decompress(data, _PIECE)
        if piece:
            yield piece
        data = inflater.unconsumed_tail
        if inflater.eof or (not data and len(piece) < _PIECE):
            return


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._decompressor.is_finished():
            # Bytes behind the end. Where they come together with it, the library refuses all of them.
            raise _Stopped("corrupt")
        while True:
            piece: bytes = self._decompressor.process(data, output_buffer_limit=_PIECE)
            if piece:
                yield piece
            if self._decompressor.is_finished():
                return
            # It takes more as soon as its input is used up, with output still waiting.
            if self._decompressor.can_accept_more_data() and len(piece) < _PIECE:
                return
            data = b""


class _Zstd:
    def __init__(self) -> None:
        self._ready = _Ready()
        self._has_begun = False
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._writer = decompressor.stream_writer(self._ready)  # type: ignore[arg-type]  # needs write() only

    def pieces(self, data: bytes) -> Iterator[bytes]:
        # A frame that comes whole is read another way, which checks its stated size: never let it come whole.
        start = 0 if self._has_begun else 1
        self._has_begun = self._has_begun or bool(data)
        try:
            self._writer.write(data[:start])
            self._writer.write(data[start:])
        finally:
            ready = self._ready.take()
        yield from ready


class _Ready:
    """Where zstd leaves its output. An object of its own: the writer is not seen by the garbage collector, so
    one that were reached from itself would stay for ever.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0

    def write(self, piece: bytes) -> int:
        """Called by the decompressor with output. What it throws stops the decompressor."""
        self._held += len(piece)
        if self._held > _HELD:
            raise _Stopped("limit")
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> list[bytes]:
        ready, self._pieces, self._held = self._pieces, [], 0
        return ready


_CODECS: Final[dict[str, type[_Codec]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
