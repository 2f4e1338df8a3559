"""Named bounds of the wire layer, each with its reason. What a bound drops is counted and marked on the exchange.

docs/wire.md has the table: each name of `InputLimit`, what it bounds, and what is lost beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clauditor.model.events import InputLimit

KIB = 1024
MIB = 1024 * 1024

COUNTED_ONLY: Final[frozenset[InputLimit]] = frozenset({"tool_input", "headers", "models"})
"""Limits beyond which no call, token or tool is lost, only a detail: they are counted, and make no exchange partial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one exchange is kept or decoded. All sizes in bytes."""

    request_bytes: int = 34 * MIB
    """Decoded request body. The API refuses more than 32 MB; the rest is room for its rounding."""

    early_response_bytes: int = 1 * MIB
    """Answer that waits because it came before its request was whole (a 413 does): it is short."""

    response_bytes: int = 32 * MIB
    """Decoded answer, if it was compressed. 128 K output tokens with one event each take about 20 MB."""

    response_bytes_per_call: int = 16 * MIB
    """Decoded answer from one chunk of at most 1 MB: event streams compress ten- to fifteenfold."""

    json_answer_bytes: int = 8 * MIB
    """An answer that is no stream is kept until its end; 128 K tokens are below 1 MB."""

    models_bytes: int = 1 * MIB
    """A list of models, decoded: a thousand of them take about 300 KB."""

    models: int = 1000
    """Models of one list: the API gives at most so many a page."""

    error_bytes: int = 64 * KIB
    """An error body is one short object."""

    line_bytes: int = 8 * MIB
    """One line, and one event, of an event stream. Server tool results are the longest."""

    tool_input_bytes: int = 256 * KIB
    """Tool input kept until its block stops. A file name or command is shorter by far."""

    open_blocks: int = 64
    """Content blocks open at a time; the API opens one."""

    tool_calls: int = 1000
    """Tool calls reported for one answer, and tool results for one request."""

    free_lines: int = 512 * KIB
    """Lines of a stream, whatever its size: 128 K tokens with one event each take 400,000."""

    bytes_per_line: int = 12
    """Bytes on the wire that allow one line more: the shortest event, a ping, has 36 in three."""

    unreadable_events: int = 10_000
    """Events of a stream that make no sense; then none of it does."""

    malformed: int = 8
    """`Malformed` events of one exchange: enough to see the kind, too few to flood."""
