"""Why a prompt cache could not be used: what changed from one request to the next, by digests and sizes.

The API caches by prefix in the order tools, system, messages, for each model and speed; the beta set, effort
and thinking count as well (page "Prompt caching", 2026; Claude Code 2.1.330 lists the same). Which tokens
stayed is estimated from bytes: the shares of the earlier request that the two have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.request_shape import MESSAGE_BYTES, MESSAGE_DIGEST_BYTES, RequestShape

CacheCause = Literal[
    "cold_start",
    "ttl_expired_5m",
    "ttl_expired_1h",
    "model_changed",
    "speed_changed",
    "tools_changed",
    "system_changed",
    "messages_changed",
    "betas_changed",
    "effort_changed",
    "thinking_changed",
    "compaction",
    "likely_server_side",
    "unknown",
]

_ROLES: Final = {b"u": "user", b"a": "assistant", b"s": "system"}
_SHOWN_NAMES: Final = 3
_NAME_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first difference. `detail` names it; `stable_ratio` is the share of the earlier request before it."""

    cause: CacheCause
    detail: str
    stable_ratio: float


def divergence(before: RequestShape, after: RequestShape) -> Divergence | None:
    """What changed first in the order of the cache; None if the later request only goes on from the earlier."""
    tools_bytes = sum(size for _, _, size in before.tools)
    system_bytes = sum(size for _, size in before.system)
    whole = max(1, tools_bytes + system_bytes + _messages_bytes(before.messages))
    if before.speed != after.speed:
        return _from_start("speed_changed", f"{before.speed or 'standard'} to {after.speed or 'standard'}")
    if before.tools != after.tools:
        stable = _common((*before.tools,), (*after.tools,))
        kept = sum(size for _, _, size in before.tools[:stable])
        return Divergence(
            cause="tools_changed", detail=_tools_detail(before, after), stable_ratio=kept / whole
        )
    if before.system != after.system:
        stable = _common(before.system, after.system)
        kept = tools_bytes + sum(size for _, size in before.system[:stable])
        return Divergence(cause="system_changed", detail=f"block {stable + 1}", stable_ratio=kept / whole)
    if before.betas != after.betas:
        return _from_start("betas_changed", _names(before.betas, after.betas))
    if before.effort != after.effort:
        return _from_start("effort_changed", f"{before.effort or 'default'} to {after.effort or 'default'}")
    fixed = (tools_bytes + system_bytes) / whole
    if before.thinking != after.thinking:
        detail = f"{before.thinking or 'off'} to {after.thinking or 'off'}"
        return Divergence(cause="thinking_changed", detail=detail, stable_ratio=fixed)
    return _in_messages(before, after, tools_bytes + system_bytes, whole)


def _from_start(cause: CacheCause, detail: str) -> Divergence:
    return Divergence(cause=cause, detail=detail, stable_ratio=0.0)


def _in_messages(before: RequestShape, after: RequestShape, fixed: int, whole: int) -> Divergence | None:
    if after.messages.startswith(before.messages):
        return None
    stable = 0
    for start in range(0, min(len(before.messages), len(after.messages)), MESSAGE_BYTES):
        if before.messages[start : start + MESSAGE_BYTES] != after.messages[start : start + MESSAGE_BYTES]:
            break
        stable = start + MESSAGE_BYTES
    kept = fixed + _messages_bytes(before.messages[:stable])
    role = _ROLES.get(before.messages[stable + MESSAGE_DIGEST_BYTES :][:1], "other")
    detail = f"message {stable // MESSAGE_BYTES + 1} of {len(before.messages) // MESSAGE_BYTES} ({role})"
    return Divergence(cause="messages_changed", detail=detail, stable_ratio=kept / whole)


def _messages_bytes(messages: bytes) -> int:
    starts = range(MESSAGE_DIGEST_BYTES + 1, len(messages), MESSAGE_BYTES)
    return sum(int.from_bytes(messages[start : start + 4], "big") for start in starts)


def _common(before: Sequence[object], after: Sequence[object]) -> int:
    """How many items the beginnings have in common."""
    number = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        number += 1
    return number


def _tools_detail(before: RequestShape, after: RequestShape) -> str:
    old = {name: digest for name, digest, _ in before.tools}
    new = {name: digest for name, digest, _ in after.tools}
    changed = [f"~{name}" for name in new if name in old and new[name] != old[name]]
    moved = [*_listed(old, new), *changed]
    return _joined(moved) or "their order"


def _names(before: Sequence[str], after: Sequence[str]) -> str:
    return _joined(_listed(before, after))


def _listed(before: Sequence[str] | dict[str, str], after: Sequence[str] | dict[str, str]) -> list[str]:
    known, now = frozenset(before), frozenset(after)
    return [f"+{name}" for name in after if name not in known] + [
        f"-{name}" for name in before if name not in now
    ]


def _joined(names: list[str]) -> str:
    shown = [name[:_NAME_CHARACTERS] for name in names[:_SHOWN_NAMES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
