"""Server-sent events, parsed incrementally.

Source: WHATWG HTML, "Server-sent events", sections 9.2.5 and 9.2.6 (2026): lines end in CR, LF or CRLF;
several data lines are joined; an event that no blank line ended is dropped. `id` and `retry` steer
reconnecting and do not concern an observer. This is the hot path of the sidecar.
"""

from __future__ import annotations

from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
_TOO_LONG: Final = b"\xff too long"  # stands for a line over the bound; no field begins like this
_LIST_ENTRY_BYTES: Final = 8  # what an empty data line still costs

SseEvent = tuple[bytes, bytes]
"""The event's name (empty: the stream named none) and its data."""

SKIPPED: Final[SseEvent] = (b"\n", b"")
"""Stands where an event was too long; no event can have such a name."""


class SseParser:
    """Bytes in, events out: the same events for every way to cut the bytes.

    In place of an event that is longer than `line_bytes`, or has a line that is, comes `SKIPPED`; no more than about
    that much is ever held. `lines` counts those that ended.
    """

    def __init__(self, *, line_bytes: int) -> None:
        self.lines = 0
        self._line_bytes = line_bytes
        self._open = bytearray()  # a line whose end has not come
        self._open_is_too_long = False
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._is_skipping = False  # this event is too long
        self._after_cr = False  # a LF that comes next belongs to the CR before
        self._is_first_line = True

    @property
    def is_skipping(self) -> bool:
        """Whether the event under way is too long."""
        return self._is_skipping or self._open_is_too_long

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that the data completes. Never raises."""
        if self._after_cr or b"\r" in data:
            data = self._only_line_feeds(data)
        lines = data.split(b"\n")
        rest = lines.pop()
        if not lines:
            self._hold(rest)
            return []
        if self._open or self._open_is_too_long:
            lines[0] = self._close(lines[0])
        if len(data) > self._line_bytes:
            lines = [line if len(line) <= self._line_bytes else _TOO_LONG for line in lines]
        if self._is_first_line:
            self._is_first_line = False
            lines[0] = lines[0].removeprefix(_BOM)
        events: list[SseEvent] = []
        self.lines += len(lines)
        for line in lines:
            if not line:
                if self._data or self._is_skipping or self._name:
                    self._dispatch(events)
            elif line.startswith(b"data:"):
                self._add(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line.startswith(b"event:"):
                self._name = line[7:] if line.startswith(b"event: ") else line[6:]
            elif line == b"data":
                self._add(b"")
            elif line == b"event":
                self._name = b""
            elif line is _TOO_LONG:
                self._is_skipping = True
        if rest:
            self._hold(rest)
        return events

    def _only_line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        if len(self._open) + len(piece) > self._line_bytes:
            self._open_is_too_long = True
        if self._open_is_too_long:
            self._open.clear()
        else:
            self._open += piece

    def _close(self, piece: bytes) -> bytes:
        self._hold(piece)
        line = _TOO_LONG if self._open_is_too_long else bytes(self._open)
        self._open.clear()
        self._open_is_too_long = False
        return line

    def _add(self, value: bytes) -> None:
        self._data_bytes += len(value) + _LIST_ENTRY_BYTES
        if self._data_bytes > self._line_bytes:
            self._is_skipping = True
        if self._is_skipping:
            self._data.clear()
        else:
            self._data.append(value)

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._is_skipping:
            events.append(SKIPPED)
        elif self._data:
            events.append((self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
        self._name = b""
        self._data.clear()
        self._data_bytes = 0
        self._is_skipping = False
