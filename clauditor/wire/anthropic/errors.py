"""Error answers of the Messages API, as HTTP bodies and as events of a stream (API page "Errors", 2026)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from clauditor.wire import jsontext
from clauditor.wire.identity import identifier

_LONGEST_WAIT_SECONDS: Final = 10_000_000.0  # four months; more is nonsense


def error_type(data: bytes | bytearray) -> str | None:
    """`overloaded_error` of `{"type": "error", "error": {"type": "overloaded_error", ...}}`, else None."""
    return identifier(jsontext.mapping(jsontext.mapping(jsontext.decode_any(data)).get("error")).get("type"))


def retry_after_seconds(headers: dict[str, str], at: float) -> float | None:
    """How long the server asks to wait: `retry-after-ms`, else `retry-after` in seconds or as a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value:
        try:
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - at)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return None if seconds is None else _bounded(seconds)


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value is not None and len(value) < 32 else None
    except ValueError:
        return None


def _bounded(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= _LONGEST_WAIT_SECONDS else None
