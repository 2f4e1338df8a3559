"""Envoy's access log as a file: read on from where an earlier daemon stopped, over rotations, in bounded slices.

Everything here but `has_changed` blocks and belongs on a thread. Envoy appends whole lines (half of one where it was
killed or the disk was full). A rotation renames the file and has Envoy open a new one: what it had not flushed goes to
the new one, so no line is lost (measured with Envoy 1.40); copying and truncating would lose what is written in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)

SLICE_BYTES: Final = 256 << 10  # about a thousand lines, a few milliseconds to parse
LIMIT_BYTES: Final = 16 << 20  # of one file; there are two at most
_HEAD_BYTES: Final = 256  # the first line, which no two files share


class _Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a file was read. `head` is a digest of its first `head_bytes`: an inode may be used again."""

    inode: int
    offset: int
    head_bytes: int
    head: str


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the log was read, oldest file first; calls that ended before `since` (Unix seconds) are decided."""

    since: float
    files: list[_Place]

    @classmethod
    def read(cls, path: Path) -> Position | None:
        """The position that was kept; None if there is none that makes sense."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class RawLine:
    """A whole line without its end, and where it stands. `is_old`: it was there when the log was opened."""

    data: bytes
    file: int
    offset: int
    is_old: bool


@dataclass(slots=True)
class LogCounters:
    rotations: int = 0
    overlong: int = 0
    """Lines longer than a slice, which are passed over."""
    lost_files: int = 0
    """Files that were gone, or cut, before they were read to their end."""


class _File:
    """One open file, told apart by its inode."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.inode = os.fstat(descriptor).st_ino
        self.offset = 0
        self.old_bytes = 0  # how much of it was there when the log was opened
        self._looked_at = -1  # its size when no whole line was found
        self._is_inside_line = False

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    @property
    def is_read(self) -> bool:
        return self.offset >= self.size

    def place(self, offset: int) -> _Place:
        head = os.pread(self._descriptor, _HEAD_BYTES, 0)
        return _Place(self.inode, offset, len(head), _digest(head))

    def is_at(self, place: _Place) -> bool:
        """Whether this is the file that was meant, and no shorter than it was."""
        head = os.pread(self._descriptor, place.head_bytes, 0)
        return self.inode == place.inode and _digest(head) == place.head and place.offset <= self.size

    def read(self, counters: LogCounters) -> list[RawLine]:
        """The next whole lines, at most a slice; a line that is half written waits."""
        size = self.size
        if size < self.offset:
            log.warning("the access log was cut: what was not read is lost")
            counters.lost_files += 1
            self.offset = self.old_bytes = 0
        if size in (self.offset, self._looked_at):
            return []
        data = os.pread(self._descriptor, SLICE_BYTES, self.offset)
        end = data.rfind(b"\n") + 1
        if not end:
            if len(data) < SLICE_BYTES:
                self._looked_at = size
            else:
                counters.overlong += not self._is_inside_line
                self._is_inside_line = True
                self.offset += len(data)
            return []
        lines, offset = [], self.offset
        for line in data[: end - 1].split(b"\n"):
            if not self._is_inside_line:
                lines.append(RawLine(line, self.inode, offset, offset < self.old_bytes))
            self._is_inside_line = False
            offset += len(line) + 1
        self.offset = offset
        return lines

    def close(self) -> None:
        os.close(self._descriptor)


class LogFile:
    """The log at `path` and the one before it, `path`.1.

    `reopen` asks Envoy to open its log anew and tells whether it agreed. `open` comes first.
    """

    def __init__(self, path: Path, *, reopen: Callable[[], bool], limit_bytes: int = LIMIT_BYTES) -> None:
        self.counters = LogCounters()
        self._path = path
        self._previous = path.with_suffix(path.suffix + ".1")
        self._reopen = reopen
        self._limit_bytes = limit_bytes
        self._files: list[_File] = []  # oldest first
        self._going: set[int] = set()  # files that are to be removed once they are read

    def open(self, position: Position | None) -> None:
        """Go on at a position; what it does not name is read from its beginning."""
        self._find()
        for file in self._files:
            file.old_bytes = file.size
        places = position.files if position is not None else []
        for place in places:
            found = next((file for file in self._files if file.is_at(place)), None)
            if found is not None:
                found.offset = place.offset
            elif place is places[-1]:  # the one before it had been read
                log.warning("the access log is not where it was: what was not read is lost")
                self.counters.lost_files += 1

    @property
    def has_changed(self) -> bool:
        """Whether there may be something to read or to put aside; costs one look at the directory, and may be asked on the loop."""
        try:
            status = self._path.stat(follow_symlinks=False)
        except OSError:
            return True
        newest = self._files[-1] if self._files else None
        return newest is None or (status.st_ino, status.st_size) != (newest.inode, newest.offset)

    def read(self) -> list[RawLine]:
        """The next slice of whole lines; none: everything was read. Raises OSError."""
        self._find()
        for file in self._files:
            if lines := file.read(self.counters):
                return lines
        while len(self._files) > 2:
            self._files.pop(0).close()
        return []

    def position(self, undecided: Iterable[tuple[int, int]], since: float) -> Position:
        """Where to go on so that the undecided lines (file and offset) are read again."""
        offsets = {file.inode: file.offset for file in self._files}
        for inode, offset in undecided:
            if inode in offsets:
                offsets[inode] = min(offsets[inode], offset)
        return Position(since, [file.place(offsets[file.inode]) for file in self._files])

    def keep_short(self, undecided: Iterable[tuple[int, int]]) -> None:
        """Put a long file aside once its forerunner is done with, and have Envoy begin another. Raises OSError."""
        if not self._files:
            return
        if self._going:
            self._remove(undecided)
            return
        newest, older = self._files[-1], self._files[:-1]
        if not self._path.exists():
            self._reopen()  # asked before, and again until a file is there
        elif (
            newest.size > self._limit_bytes
            and all(file.is_read for file in older)
            and all(inode == newest.inode for inode, _ in undecided)
        ):
            self._path.replace(self._previous)
            self._reopen()
            self.counters.rotations += 1

    def forget(self) -> None:
        """Have what is logged so far removed, once it was read and decided; the next reads do it. Raises OSError."""
        self._find()
        self._going = {file.inode for file in self._files if file.size}

    @property
    def is_forgetting(self) -> bool:
        return bool(self._going)

    def _remove(self, undecided: Iterable[tuple[int, int]]) -> None:
        waiting = {inode for inode, _ in undecided}
        newest, older = self._files[-1], self._files[:-1]
        if newest.inode in self._going and self._path.exists() and self._path.stat().st_ino == newest.inode:
            if all(file.is_read and file.inode not in waiting for file in older):
                self._path.replace(self._previous)
                self._reopen()
            return
        going = [file for file in self._files if file.inode in self._going]
        if all(file.is_read and file.inode not in waiting for file in going):
            self._previous.unlink(missing_ok=True)
            self._going = set()

    def _find(self) -> None:
        """Open what has come to stand at the two paths."""
        for path in (self._previous, self._path):
            with contextlib.suppress(FileNotFoundError):
                if path.stat(follow_symlinks=False).st_ino in {file.inode for file in self._files}:
                    continue
                self._files.append(_File(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)))


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:32]
