"""The head of a pretend Claude Code's request, in the real client's order and case.

Source: captures of the real client 2.1.330 on loopback (2026-11), hint headers included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from clauditor.demo.claude_request import VERSION, Conversation, Profile

THINKING_COUNT_BETA: Final = "thinking-token-count-2026-05-13"
_BETAS: Final = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "per-turn-control-2026-07-01,mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,"
    "advanced-tool-use-2025-11-20,effort-2025-11-24,thinking-display-updates-2026-08-18"
)
_FIRST_PARTY_CLASS: Final = {
    "main": "main",
    "subagent": "blocking-subagent",
    "compaction": "summary-extraction",
    "side_reply": "followup-generation",
}


def headers(
    profile: Profile,
    session_id: str,
    host: str,
    body: bytes,
    conversation: Conversation | None = None,
    *,
    timeout_seconds: int | None = 600,
    betas: Sequence[str] = (),
    without: str | None = None,
    request_class: str | None = None,
    extra: Iterable[tuple[str, str]] = (),
) -> list[tuple[str, str]]:
    """The request head in the client's order and case. `conversation` is None for side calls."""
    beta = [name for name in (*_BETAS.split(","), *betas) if name != without]
    heads = [
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("User-Agent", f"claude-cli/{VERSION} (external, {profile.entrypoint})"),
        ("X-Claude-Code-Session-Id", session_id),
        ("X-Stainless-Arch", "x64"),
        ("X-Stainless-Lang", "js"),
        ("X-Stainless-OS", "Linux"),
        ("X-Stainless-Package-Version", "0.128.0"),
        ("X-Stainless-Retry-Count", "0"),
        ("X-Stainless-Runtime", "node"),
        ("X-Stainless-Runtime-Version", "v26.12.1"),
    ]
    if timeout_seconds is not None:
        heads.append(("X-Stainless-Timeout", str(timeout_seconds)))
    heads += [
        ("anthropic-beta", ",".join(beta)),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("anthropic-version", "2023-06-01"),
    ]
    if profile.oauth_token is None:
        heads.append(("x-api-key", profile.api_key))
    else:
        heads.append(("Authorization", f"Bearer {profile.oauth_token}"))
    heads.append(("x-app", "cli"))
    if conversation is not None and conversation.agent_id is not None:
        heads.append(("x-claude-code-agent-id", conversation.agent_id))
        if conversation.parent_agent_id is not None:
            heads.append(("x-claude-code-parent-agent-id", conversation.parent_agent_id))
    if profile.hints:
        heads += _hints(conversation, request_class)
        heads += extra
    heads += [
        ("Connection", "keep-alive"),
        ("Host", host),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Content-Length", str(len(body))),
    ]
    return heads


def _hints(conversation: Conversation | None, request_class: str | None) -> list[tuple[str, str]]:
    agent = conversation is not None and conversation.agent_id is not None
    kind = request_class or ("auxiliary" if conversation is None else "subagent" if agent else "main")
    hints = [("x-claude-code-request-class", kind)]
    if kind in _FIRST_PARTY_CLASS:
        hints.append(("x-claude-1p-request-class", _FIRST_PARTY_CLASS[kind]))
    if conversation is None or kind not in ("main", "subagent"):
        return hints
    if conversation.agent_type is not None:
        hints.append(("x-claude-code-agent-type", conversation.agent_type))
    if conversation.prompt_id is not None:
        hints.append(("x-claude-code-prompt-id", conversation.prompt_id))
    if conversation.durations:
        told = ";".join(f"{name}={milliseconds}" for name, milliseconds in conversation.durations[:32])
        hints.append(("x-claude-code-prev-tool-durations", told))
    if conversation.compacted is not None:
        hints.append(("x-claude-code-context-compacted", conversation.compacted))
    return hints
