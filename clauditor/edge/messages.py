"""What one message of a copied exchange says: heads, attributes and the end.

Source: Envoy 1.40, `envoy.service.ext_proc.v3.ProcessingRequest`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from clauditor.pb.ext_proc_pb2 import HeaderMap, ProcessingRequest

_ATTRIBUTES: Final = "envoy.filters.http.ext_proc"
_TIMESTAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")


def ends_response(message: ProcessingRequest) -> bool:
    """Whether it is the last one of its exchange."""
    return (
        message.response_headers.end_of_stream
        or message.response_body.end_of_stream
        or message.HasField("response_trailers")
    )


def pairs(headers: HeaderMap) -> Sequence[tuple[str, str]]:
    """Names and values, pseudo-headers included."""
    return [
        (item.key.decode("latin-1"), (item.raw_value or item.value).decode("utf-8", "replace"))
        for item in headers.headers
    ]


def attribute(message: ProcessingRequest, name: str) -> str | None:
    """One of Envoy's attributes as text; they come once a direction, with the first message."""
    if _ATTRIBUTES not in message.attributes:
        return None
    fields = message.attributes[_ATTRIBUTES].fields
    if name not in fields:
        return None
    value = fields[name]
    if value.WhichOneof("kind") == "number_value":
        return str(int(value.number_value))
    return value.string_value or None


def microseconds(timestamp: str | None) -> int | None:
    """RFC 3339 text (UTC) as integer microseconds since the epoch, as Envoy's access log writes it."""
    found = _TIMESTAMP.match(timestamp or "")
    if found is None:
        return None
    seconds = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return seconds * 1_000_000 + int((found[2] or "0").ljust(9, "0")[:6])
