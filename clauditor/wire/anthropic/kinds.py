"""What kind of call a request is: a turn of the main thread or an agent, a compaction, or a side call.

Sources: the hint headers of Claude Code's gateway protocol, and the beginnings of texts that client
2.1.330 (and older ones where named) puts into its own requests. Markers are heuristics; a hint wins over
them, and the absence of a marker never makes a side call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.events import RequestClass

SIDE_CALLS: Final = (
    "auxiliary",
    "classifier",
    "count_tokens",
    "file_paths",
    "key_check",
    "memory_save",
    "progress_summary",
    "prompt_hook",
    "quota_probe",
    "recap",
    "rename",
    "side_question",
    "side_reply",
    "suggestion",
    "title",
    "web_fetch",
    "web_search",
)

_AGENT_HINTS: Final[dict[str, RequestClass]] = {"subagent": "subagent", "workflow": "workflow"}
_TRIGGERS: Final = ("manual", "auto")
_AGENT_PROMPTS: Final = ("You are an agent for Claude Code", "You are a file search specialist")
_COMPACTION: Final = (
    "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.",
    "Your task is to create a detailed summary of the conversation so far",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What tells request kinds apart. Texts are stripped on the left; `schema_keys` are the properties of
    the answer's JSON schema; `only_text` is the text of a request with a single message.
    """

    headers: dict[str, str]
    agent_header: str | None
    tail_texts: tuple[str, ...]
    system_texts: tuple[str, ...]
    tools: tuple[tuple[str, str], ...]
    schema_keys: frozenset[str]
    max_tokens: int | None
    is_stream: bool
    only_text: str | None
    is_fork: Callable[[], bool]

    def tail_starts(self, *beginnings: str) -> bool:
        return any(value.startswith(beginnings) for value in self.tail_texts)

    def system_has(self, *phrases: str) -> bool:
        return any(phrase in value for value in self.system_texts for phrase in phrases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`name` is the side call's; `request_class` concerns turns; `trigger` compactions."""

    call: Literal["turn", "side", "compaction"]
    name: str = ""
    request_class: RequestClass = "main"
    trigger: str | None = None


def classify(signs: Signs) -> Kind:
    """The kind of the call: hint headers first, then markers, else a turn."""
    hint = signs.headers.get("x-claude-code-request-class", "")
    compaction = signs.headers.get("x-claude-code-compaction")
    if hint == "compaction" or compaction is not None:
        return Kind(call="compaction", trigger=compaction if compaction in _TRIGGERS else None)
    if hint in ("auxiliary", "side_reply"):
        return Kind(call="side", name=_hinted_side_call(signs, hint))
    if hint not in ("main", *_AGENT_HINTS):
        name = _marked_side_call(signs)
        if name is not None:
            return Kind(call="side", name=name)
        if signs.tail_starts(*_COMPACTION):
            return Kind(call="compaction")
    return Kind(call="turn", request_class=_request_class(signs, hint))


def _hinted_side_call(signs: Signs, hint: str) -> str:
    name = _marked_side_call(signs)
    if name is not None:
        return name
    if signs.headers.get("x-claude-code-auxiliary-type", "").endswith("memory_save"):
        return "memory_save"
    if signs.headers.get("x-claude-1p-request-class") == "followup-generation":
        return "suggestion"
    return hint


def _request_class(signs: Signs, hint: str) -> RequestClass:
    agent_type = signs.headers.get("x-claude-code-agent-type")
    is_agent = (
        hint in _AGENT_HINTS
        or signs.agent_header is not None
        or any("cc_is_subagent=true" in value for value in signs.system_texts[:1])
        or any(value.startswith(_AGENT_PROMPTS) for value in signs.system_texts)
    )
    if not is_agent:
        return "main"
    if agent_type == "fork" or (agent_type is None and signs.is_fork()):
        return "fork"
    if agent_type == "workflow-subagent":
        return "workflow"
    return _AGENT_HINTS.get(hint, "subagent")


def _marked_side_call(signs: Signs) -> str | None:
    return next((name for name, is_marked in _MARKERS if is_marked(signs)), None)


def _web_search(signs: Signs) -> bool:
    only_tool = signs.tools[0][1] if len(signs.tools) == 1 else ""
    return only_tool.startswith("web_search_") and signs.system_has(
        "You run a web search for another Claude model"
    )


def _prompt_hook(signs: Signs) -> bool:
    return not signs.tools and (
        signs.system_has("You are evaluating a hook in Claude Code")
        or (signs.system_has("stop-condition hook") and "ok" in signs.schema_keys)
    )


def _title(signs: Signs) -> bool:
    # `isNewTopic`: clients up to 2.0
    return not signs.tools and (
        signs.system_has("You are naming a coding session", "isNewTopic") or "isNewTopic" in signs.schema_keys
    )


def _rename(signs: Signs) -> bool:
    words = "Generate a short kebab-case name"
    return not signs.tools and (signs.system_has(words) or signs.tail_starts(words))


def _classifier(signs: Signs) -> bool:
    is_monitor = any(
        value.startswith("You are a security monitor for autonomous AI coding agents")
        for value in signs.system_texts
    )
    return is_monitor and not signs.tools and not signs.is_stream


def _probe(word: str) -> Callable[[Signs], bool]:
    return lambda signs: (
        signs.only_text == word and signs.max_tokens == 1 and not signs.system_texts and not signs.tools
    )


_MARKERS: Final[tuple[tuple[str, Callable[[Signs], bool]], ...]] = (
    ("suggestion", lambda signs: signs.tail_starts("[SUGGESTION MODE:")),
    ("side_question", lambda s: s.tail_starts("<system-reminder>This is a side question from the user.")),
    ("recap", lambda s: s.tail_starts("The user stepped away and is coming back. Recap in under")),
    (
        "progress_summary",
        lambda s: s.tail_starts("Describe your most recent action in 3-5 words using present"),
    ),
    ("web_search", _web_search),
    ("web_fetch", lambda s: not s.tools and s.tail_starts("Web page content:\n---")),
    ("prompt_hook", _prompt_hook),
    ("title", _title),
    ("rename", _rename),
    ("classifier", _classifier),
    ("file_paths", lambda s: not s.tools and s.system_has("Extract any file paths that this command reads")),
    ("quota_probe", _probe("quota")),
    ("key_check", _probe("test")),
)
