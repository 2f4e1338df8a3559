"""Content codings of both sides. In answers each event is flushed, so that a reader sees it when it was sent."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
import zstandard

ENCODINGS: Final = ("zstd", "br", "gzip", "deflate")


class Encoder(Protocol):
    """Bytes in, bytes for the wire out."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Identity:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._deflate = zlib.compressobj(wbits=window_bits)

    def feed(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._deflate.flush()


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=4)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data)) + bytes(self._compressor.flush())

    def finish(self) -> bytes:
        return bytes(self._compressor.finish())


class _Zstandard:
    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor().compressobj()

    def feed(self, data: bytes) -> bytes:
        head = self._compressor.compress(data)
        return head + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


_MAKERS: Final[dict[str, Callable[[], Encoder]]] = {
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "br": _Brotli,
    "zstd": _Zstandard,
}


def encoder(name: str) -> Encoder:
    """An encoder for a content coding; `identity` passes through."""
    return _MAKERS[name]() if name in _MAKERS else _Identity()


def decoded(name: str, body: bytes) -> bytes:
    """A request body without its content coding; raises `ValueError` where that cannot be undone."""
    try:
        match name:
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
            case "br":
                return bytes(brotli.decompress(body))
            case "zstd":
                return zstandard.ZstdDecompressor().decompressobj().decompress(body)
            case _:
                return body
    except (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise ValueError(f"not {name}") from error


def negotiate(wanted: str | None, accept_encoding: str | None) -> str:
    """The wanted coding if the client accepts it (`auto`: the first it accepts), else `identity`."""
    accepted = {part.split(";")[0].strip().lower() for part in (accept_encoding or "").split(",")}
    candidates = ENCODINGS if wanted == "auto" else (wanted,)
    return next((name for name in candidates if name in ENCODINGS and name in accepted), "identity")
