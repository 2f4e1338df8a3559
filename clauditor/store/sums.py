"""A checksum of every page, beside the database: what SQLite itself cannot see, a bit that flipped in a row, is seen.

SQLite's file has no checksums of its own (its log has). The sums stand in `<database>-sums`, twice, and are written anew, as a
whole, after each checkpoint; only the writer checkpoints. They hold as long as the page with the `seal` is as it was:
the first transaction after them changes the seal, so that a file which anybody else checkpointed, or put in its place,
is not held against sums that were made of another. Pages that stand in the log are newer than their sums and are passed over:
the log's own checksums are theirs. Sources: SQLite's file format, 1.3 (the head) and 4.1 (the log); "How To Corrupt An
SQLite Database File", 2.2 (a process that closes any descriptor of the file loses all of its locks on it).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_MAGIC: Final = b"ClauSums"
_HEAD: Final = struct.Struct(
    "<8sIIII"
)  # magic, the page of the seal, size of a page, number of pages, checksum of what follows
_CHUNK_PAGES: Final = 256  # a megabyte at once
_LOG_HEAD_BYTES: Final = 32
_FRAME_HEAD_BYTES: Final = 24

BREAK_SEAL: Final = "REPLACE INTO seal (key, number) VALUES (1, random() & 0x3fffffffffffffff)"


class PageSums:
    """The sums of one database. Used by the writer's thread only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums_path = path.with_name(path.name + "-sums")
        self._sums: list[int] = []
        self._page_bytes = 4096
        self._holds = False

    def take_up(self) -> bool:
        """Read the sums; False where there are none of the file as it was sealed. Raises OSError."""
        self._holds = False
        try:
            content = self._sums_path.read_bytes()
        except OSError:
            return False
        half = len(content) // 2
        for copy in (content[:half], content[half:]):  # one bit may flip here as well
            if (found := _read_copy(copy)) is not None:
                sealed, self._page_bytes, self._sums = found
                self._holds = self._page_sum(sealed) == self._sums[sealed - 1]
                return self._holds
        return False

    def differing(self, passed_over: set[int]) -> Iterator[int | None]:
        """Look at the file, a megabyte at a step: a page (from 1 on) that is not as it was written, or None.

        Raises OSError.
        """
        if not self._holds:
            return
        for first in range(0, len(self._sums), _CHUNK_PAGES):
            chunk = memoryview(self._read(first * self._page_bytes, _CHUNK_PAGES * self._page_bytes))
            wrong = None
            for number, expected in enumerate(self._sums[first : first + _CHUNK_PAGES]):
                page = chunk[number * self._page_bytes : (number + 1) * self._page_bytes]
                if zlib.crc32(page) != expected and first + number + 1 not in passed_over:
                    wrong = first + number + 1
                    break
            yield wrong

    def write(self, sealed: int, page_bytes: int, changed: set[int] | None) -> None:
        """Sum up the pages that a checkpoint `changed` (None: all), and keep the sums whole. Raises OSError.

        `sealed` is the page that holds the seal.
        """
        size = self._path.stat().st_size // page_bytes
        if not self._holds or self._page_bytes != page_bytes:
            self._sums, changed = [], None
        self._holds, self._page_bytes = False, page_bytes
        del self._sums[size:]
        known = len(self._sums)
        self._sums += [0] * (size - known)
        pages = range(size) if changed is None else sorted({*range(known, size), *(n - 1 for n in changed)})
        for page in pages:
            if page < size:
                self._sums[page] = self._page_sum(page + 1)
        packed = struct.pack(f"<{size}I", *self._sums)
        beside = self._sums_path.with_name(self._sums_path.name + ".new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(2 * (_HEAD.pack(_MAGIC, sealed, page_bytes, size, zlib.crc32(packed)) + packed))
        beside.replace(self._sums_path)
        self._holds = True

    def _page_sum(self, number: int) -> int:
        return zlib.crc32(self._read((number - 1) * self._page_bytes, self._page_bytes))

    def _read(self, start: int, size: int) -> bytes:
        """So many bytes of the file, or fewer at its end."""
        parts, descriptor = [], _descriptor(self._path)
        while size and (part := os.pread(descriptor, size, start)):
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


_descriptors: dict[Path, int] = {}


def _descriptor(path: Path) -> int:
    """Of the file that has this name: closed only when another one has it, or by `let_go`. Raises OSError."""
    found = _descriptors.get(path)
    if found is not None and os.path.samestat(os.fstat(found), path.stat()):
        return found
    let_go(path)
    _descriptors[path] = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return _descriptors[path]


def let_go(path: Path) -> None:
    """Nobody in this process has the database open any more, or it is another file now."""
    if (descriptor := _descriptors.pop(path, None)) is not None:
        os.close(descriptor)


def _read_copy(copy: bytes) -> tuple[int, int, list[int]] | None:
    """The page of the seal, bytes a page, and the sums of all."""
    if len(copy) < _HEAD.size:
        return None
    magic, sealed, page_bytes, pages, digest = _HEAD.unpack_from(copy)
    packed = copy[_HEAD.size :]
    is_whole = magic == _MAGIC and len(packed) == 4 * pages and zlib.crc32(packed) == digest
    if not is_whole or not 0 < sealed <= pages or page_bytes not in {512 << power for power in range(8)}:
        return None
    return sealed, page_bytes, list(struct.unpack(f"<{pages}I", packed))


def break_seal(db: sqlite3.Connection) -> None:
    """Part of the first transaction after the sums: from here on they are those of the file without its log."""
    db.execute(BREAK_SEAL)


def pages_in_log(path: Path, frames: int, page_bytes: int) -> set[int]:
    """Which pages the first so many frames of the log hold. Raises OSError."""
    if not frames:
        return set()
    with path.with_name(path.name + "-wal").open("rb", buffering=0) as file:
        stride = _FRAME_HEAD_BYTES + page_bytes
        heads = (os.pread(file.fileno(), 4, _LOG_HEAD_BYTES + number * stride) for number in range(frames))
        return {int.from_bytes(head, "big") for head in heads}
