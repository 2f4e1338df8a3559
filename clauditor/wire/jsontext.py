"""JSON from the network, decoded without ever raising (RFC 8259; msgspec does the work)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from clauditor.model.events import InputLimit

T = TypeVar("T")
RawJson = bytes | bytearray | memoryview | msgspec.Raw
Reach = Callable[[InputLimit], None]
"""Is told that data went beyond a limit."""

# JavaScript writes half of a surrogate pair as an escape (text cut inside an emoji); msgspec refuses it. Escaped
# backslashes and whole pairs are matched only to step over them.
_ESCAPE: Final = re.compile(
    rb"\\(?:\\|u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[89a-fA-F][0-9a-fA-F]{2}))"
)
_REPLACEMENT: Final = rb"\ufffd"
_MOST_ESCAPES: Final = (
    500_000  # looked at: a tenth of a second; a body with half a character has a handful of halves
)
_ANY: Final = msgspec.json.Decoder()
_STRING: Final = msgspec.json.Decoder(str)

MOST_BYTES: Final = 1024 * 1024  # of a value that becomes objects: they take up to 20 times its size
_TOO_LARGE: Final = (
    "out of range"  # msgspec's words for a number of more than 4,300 digits, or beyond a float
)


def unheeded(_limit: InputLimit) -> None:
    """For who does not ask which limit was met."""


def decode(decoder: msgspec.json.Decoder[T], data: RawJson, reach: Reach = unheeded) -> T | None:
    """What the decoder makes of the data, or None if it is not JSON or not of the decoder's shape.

    JSON nested deeper than Python's recursion limit (1,000) and numbers that no computer counts with `reach` a limit.
    """
    try:
        return decoder.decode(data)
    except RecursionError:
        reach("nesting")
        return None
    except msgspec.ValidationError as error:
        if _TOO_LARGE in str(error):
            reach("number")
        return None
    except (msgspec.MsgspecError, ValueError):
        whole = _without_halves(data)
    if whole is None:
        return None
    try:
        return decoder.decode(whole)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _without_halves(data: RawJson) -> bytearray | None:
    """The text with a replacement character for each half of a surrogate pair; None if it has none, or too many.

    A `bytearray` is changed in place: the longest data is the body of a request, and is not held twice.
    """
    view = memoryview(data)
    halves = []
    for number, found in enumerate(_ESCAPE.finditer(view), 1):
        if found.end() - found.start() == len(_REPLACEMENT):
            halves.append(found.start())
        if number == _MOST_ESCAPES:
            return None
    del view
    if not halves:
        return None
    whole = data if isinstance(data, bytearray) else bytearray(data)
    for start in halves:
        whole[start : start + len(_REPLACEMENT)] = _REPLACEMENT
    return whole


def decode_any(data: RawJson, reach: Reach = unheeded, *, most_bytes: int = MOST_BYTES) -> Any:
    """The value, or None if it is not JSON, is `null`, or is too long to become objects."""
    if memoryview(data).nbytes > most_bytes:
        reach("value")
        return None
    return decode(_ANY, data, reach)


def text(data: RawJson) -> str | None:
    """The string that the data is, or None if it is anything else."""
    return decode(_STRING, data)


def count(value: object) -> int | None:
    """A counter of the provider: a whole number from 0 to 2**53, or None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53:
        return value
    return None


def mapping(value: object) -> dict[str, Any]:
    """The object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
