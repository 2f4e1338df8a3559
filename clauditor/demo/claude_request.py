"""What a pretend Claude Code sends in its bodies: the documented form, filled with synthetic text.

Source: captures of the real client 2.1.330 on loopback (2026-11). Of the vendor's wording only the short
markers stand here by which a request's kind is known; every other sentence is our own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from clauditor.demo.seeded import digest

VERSION: Final = "2.1.330"
COMPACT_MARKER: Final = (
    "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n"
    "Your task is to create a detailed summary of the conversation so far."
)
CONTINUED_MARKER: Final = (
    "This session is being continued from a previous conversation that ran out of context."
)
SUGGESTION_MARKER: Final = "[SUGGESTION MODE: propose what the user might type next]"
TITLE_MARKER: Final = "You are naming a coding session. Answer with a short title."
INTERRUPTED: Final = "[Request interrupted by user]"
RESUME_MARKER: Final = "Output token limit hit. Resume directly, without repeating yourself."
IDENTITY_CLI: Final = "You are Claude Code, Anthropic's official CLI for Claude."
IDENTITY_SDK: Final = "You are a Claude agent, built on Anthropic's Claude Agent SDK."
_MAIN_TOOLS: Final = (
    "Agent", "AskUserQuestion", "Bash", "Edit", "ListAgents", "Read", "ReportFindings",
    "ScheduleWakeup", "Skill", "ToolSearch", "Workflow", "Write",
)  # fmt: skip
_AGENT_TOOLS: Final = {
    "Explore": ("Bash", "Read", "ToolSearch"),
    "Plan": ("Bash", "Read", "Skill", "ToolSearch"),
    "general-purpose": ("Bash", "Edit", "Read", "Skill", "ToolSearch", "Write"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who the client is and how it is set up. `oauth_token` makes it a plan user; else the key is sent.

    `hints` is the documented switch for hint headers; `auto_mode` sends the `safeguards` of interactive
    auto mode; `cache_ttl` ("5m" or "1h") is that of the main thread, agents and forks keep five minutes.
    `style` is what the user's settings add to the system prompt, `speed` "fast" for fast mode, `betas` what
    is asked for beyond the usual.
    """

    cwd: str = "/home/demo/src/webshop"
    branch: str = "main"
    model: str = "claude-opus-5-5"
    fallback_model: str | None = None
    entrypoint: str = "cli"
    hints: bool = True
    auto_mode: bool = True
    effort: str = "medium"
    cache_ttl: str = "5m"
    api_key: str = "sk-ant-fake-demo-key"
    oauth_token: str | None = None
    mcp_tools: tuple[str, ...] = ()
    style: str = ""
    speed: str | None = None
    betas: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Conversation:
    """The history of one agent. `agent_id` is None for the main thread."""

    model: str
    tools: list[dict[str, Any]]
    agent_id: str | None = None
    parent_agent_id: str | None = None
    agent_type: str | None = None
    prompt_id: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    durations: list[tuple[str, int]] = field(default_factory=list)
    compacted: str | None = None


def tool(name: str, project: str, tokens: int = 700) -> dict[str, Any]:
    """A tool definition of a given weight; the text names the project, as real ones list its agents."""
    return {
        "name": name,
        "description": f"{name}, as far as {project} needs it. [[tokens:{tokens}]]",
        "input_schema": {"type": "object", "properties": {}, "additionalProperties": True},
    }


def tools_for(profile: Profile, agent_type: str | None = None) -> list[dict[str, Any]]:
    """The tools of the main thread or of an agent type."""
    names = (
        _MAIN_TOOLS if agent_type is None else _AGENT_TOOLS.get(agent_type, _AGENT_TOOLS["general-purpose"])
    )
    if profile.entrypoint != "cli":
        names = tuple(name for name in names if name != "AskUserQuestion")
    owner = profile.cwd.rpartition("/")[2]
    owner = owner if agent_type is None else f"{owner} ({agent_type})"
    return [tool(name, owner) for name in (*names, *profile.mcp_tools)]


def body(
    profile: Profile,
    session_id: str,
    conversation: Conversation,
    *,
    stream: bool = True,
    instruction: str | None = None,
) -> dict[str, Any]:
    """The body of a call. `instruction` makes it a fork of the conversation (compaction, suggestion):
    the text is appended, and the cache breakpoint stays on the last message before it.
    """
    main = conversation.agent_id is None
    ttl = profile.cache_ttl if main and instruction is None else "5m"
    control: dict[str, Any] = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    whole: dict[str, Any] = {
        "model": conversation.model,
        "messages": _messages(conversation.messages, control, instruction),
        "system": _system(profile, conversation, control),
        "tools": conversation.tools,
        "metadata": {"user_id": user_id(profile, session_id)},
        "max_tokens": 128_000 if stream else 64_000,
        "thinking": {"type": "adaptive", "display": "updates" if main else "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    }
    if profile.auto_mode and profile.entrypoint == "cli":
        whole["safeguards"] = [_safeguard(profile)]
    whole["output_config"] = {"effort": profile.effort}
    if profile.speed is not None:
        whole["speed"] = profile.speed
    whole["stream"] = stream
    return whole


def side_body(
    profile: Profile, session_id: str, system: str, text: str, schema: dict[str, Any]
) -> dict[str, Any]:
    """The body of a side call that wants a small structured answer."""
    return {
        "model": "claude-haiku-5-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "system": [_text(_billing(profile)), _text(IDENTITY_SDK), _text(system)],
        "tools": [],
        "metadata": {"user_id": user_id(profile, session_id)},
        "max_tokens": 32_000,
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        "stream": True,
    }


def user_id(profile: Profile, session_id: str) -> str:
    """`metadata.user_id`: a JSON text within the JSON."""
    device = digest("device", profile.api_key).hex()
    account = "" if profile.oauth_token is None else "0d6b1d0e-0000-4000-8000-00000000d3a0"
    return json.dumps(
        {"device_id": device, "account_uuid": account, "session_id": session_id}, separators=(",", ":")
    )


def first_message(profile: Profile, text: str) -> list[dict[str, Any]]:
    """The opening of a conversation: reminders and the prompt, then the environment as a system message."""
    reminder = "<system-reminder>\nThe demo has no project instructions.\n</system-reminder>"
    environment = (
        f"# Environment\n - Primary working directory: {profile.cwd}\n - Is a git repository: true\n"
        f" - Platform: linux\n - Shell: bash\n - Model: {profile.model}\n"
    )
    return [
        {"role": "user", "content": [_text(reminder), _text(text)]},
        {"role": "system", "content": [_text(environment)]},
    ]


def _system(profile: Profile, conversation: Conversation, control: dict[str, Any]) -> list[dict[str, Any]]:
    agent = conversation.agent_id is not None
    sdk = agent or profile.entrypoint != "cli"
    slug = profile.cwd.replace("/", "-")
    if agent:
        prompt = f"You are an agent for Claude Code ({conversation.agent_type}, a demo). [[tokens:2600]]"
    else:
        memory = f"/home/demo/.claude/projects/{slug}/memory/"
        prompt = f"\nYou are an agent working with the user (a demo). Memory: {memory} [[tokens:3200]]"
        prompt += profile.style
    return [
        _text(_billing(profile) + (" cc_is_subagent=true;" if agent else "")),
        {**_text(IDENTITY_SDK if sdk else IDENTITY_CLI), "cache_control": control},
        {**_text(prompt), "cache_control": control},
    ]


def _billing(profile: Profile) -> str:
    return f"x-anthropic-billing-header: cc_version={VERSION}.d3a; cc_entrypoint={profile.entrypoint};"


def _messages(
    history: list[dict[str, Any]], control: dict[str, Any], instruction: str | None
) -> list[dict[str, Any]]:
    """Earlier messages of one text as plain strings; the breakpoint on the last block of the last one."""
    wire = [_settled(message) for message in history[:-1]]
    *before, last = history[-1]["content"]
    wire.append({**history[-1], "content": [*before, {**last, "cache_control": control}]})
    if instruction is not None:
        wire.append({"role": "user", "content": [_text(instruction)]})
    return wire


def _settled(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if message["role"] != "assistant" and len(content) == 1 and content[0]["type"] == "text":
        return {**message, "content": content[0]["text"]}
    return message


def _safeguard(profile: Profile) -> dict[str, Any]:
    git = {
        "cwd": profile.cwd,
        "root": profile.cwd,
        "branch": profile.branch,
        "default_branch": "main",
        "status": "clean",
    }
    context = {
        "v": 1,
        "permission_mode": "auto",
        "platform": "linux",
        "live_cwd": profile.cwd,
        "home_dir": "/home/demo",
        "trusted_directories": [profile.cwd],
        "git_state": git,
    }
    return {"type": "dangerous_tool_use", "classifier_context": context}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
