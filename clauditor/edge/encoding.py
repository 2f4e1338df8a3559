"""Values to JSON bytes for everything that leaves over HTTP."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def to_json(value: Any) -> bytes:
    """JSON in one line. Lone surrogates, which foreign names may hold, are escaped instead of refused."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()
