"""JSON from the network, decoded without ever raising (RFC 8259; msgspec does the work)."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")
RawJson = bytes | bytearray | memoryview | msgspec.Raw

# JavaScript writes half of a surrogate pair as an escape (text cut inside an emoji); msgspec refuses it.
_LONE_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_ANY: Final = msgspec.json.Decoder()
_STRING: Final = msgspec.json.Decoder(str)

MOST_BYTES: Final = 1024 * 1024  # of a value that becomes objects: they take up to 20 times its size


def decode(decoder: msgspec.json.Decoder[T], data: RawJson) -> T | None:
    """What the decoder makes of the data, or None if it is not JSON or not of the decoder's shape."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        return None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        pass
    try:
        return decoder.decode(_LONE_SURROGATE.sub(rb"\1\\ufffd", bytes(data)))
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def decode_any(data: RawJson, *, most_bytes: int = MOST_BYTES) -> Any:
    """The value, or None if it is not JSON, is `null`, or is too long to become objects."""
    return decode(_ANY, data) if memoryview(data).nbytes <= most_bytes else None


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
