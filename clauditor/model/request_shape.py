"""What of a request decides whether the prompt cache can serve it, as keyed digests and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MESSAGE_DIGEST_BYTES: Final = 8
MESSAGE_BYTES: Final = MESSAGE_DIGEST_BYTES + 1 + 4
"""Of `RequestShape.messages`: a digest, the first letter of the role, and the size as 4 bytes, big end first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestShape:
    """What decides whether the prompt cache of the request before can serve this one.

    All digests are keyed with a per-start secret and never stored; sizes are bytes of JSON. `tools` names
    each tool with the digest and size of its definition, `system` holds the digest and size of each block,
    both in order. `messages` joins `MESSAGE_BYTES` for each message (digest, role, size), so that the common
    beginning of two conversations can be measured. Cache marks count in none of them.
    """

    tools: tuple[tuple[str, str, int], ...] = ()
    system: tuple[tuple[str, int], ...] = ()
    messages: bytes = b""
    betas: tuple[str, ...] = ()
    effort: str | None = None
    thinking: str | None = None
    speed: str | None = None
