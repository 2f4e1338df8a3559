"""The sidecar's live stream as it comes over the wire: bytes in, server-sent events out.

Source: WHATWG HTML, server-sent events, as far as `edge/feed.py` makes use of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from clauditor.errors import ClauditorError

MAX_FRAME_BYTES: Final = 64 << 20  # a full snapshot of 10,000 sessions takes a third of it


class StreamEvent(NamedTuple):
    """One server-sent event: its name, its id (None for a heartbeat), and its data."""

    event: str
    id: str | None
    data: dict[str, Any]


class Frames:
    """Cuts a byte stream into server-sent events as this sidecar writes them (lines end in LF)."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """Events completed by `chunk`. Raises ClauditorError for what the sidecar would not send."""
        searched = max(0, len(self._waiting) - 1)
        self._waiting += chunk
        while (end := self._waiting.find(b"\n\n", searched)) >= 0:
            frame = bytes(self._waiting[:end])
            del self._waiting[: end + 2]
            searched = 0
            fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
            data = _frame_object(fields.get(b"data", b""))
            if data is None:
                raise ClauditorError("The live stream makes no sense; is this Clauditor of the same version?")
            id_ = fields.get(b"id")
            name = fields.get(b"event", b"message").decode("utf-8", "replace")
            yield StreamEvent(name, None if id_ is None else id_.decode("ascii", "replace"), data)
        if len(self._waiting) > MAX_FRAME_BYTES:
            raise ClauditorError("The live stream sends more than fits; see the sidecar's log.")


def _frame_object(body: bytes) -> dict[str, Any] | None:
    """As `json_object`, in less than half the time: a screen of many sessions reads megabytes a second."""
    import msgspec  # noqa: PLC0415 - takes a while to load, and most commands read no stream

    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # it refuses lone surrogates, which foreign names may hold
        return json_object(body)
    return value if isinstance(value, dict) else None


def json_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
