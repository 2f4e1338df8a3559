"""What to do otherwise next time: at most three sentences, each tied to what it comes from.

Ordered by the dollars, then the tokens that it would have saved; what has no price comes after, in the order of
`_UNPRICED`. Nothing is advised against what is out of the user's hands: an upstream that fails, a cause not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.model.events import Evidence
from clauditor.reports.findings import Finding
from clauditor.reports.rebuilds import Rebuild
from clauditor.reports.waste import Waste

MAX_ADVICE: Final = 3
_WORTH_USD: Final = 0.01
_LONG_WAIT_SECONDS: Final = 600.0  # minutes are ordinary; ten of them a session could have used
_MAX_TURNS: Final = 10

_GOES_COLD: Final = (
    "Before a longer break finish the step; afterwards, for a new task, start fresh instead of going on:"
    " the prompt cache outlives only {} of silence."
)
_OF_CAUSES: Final[Mapping[str, str]] = {
    "ttl_expired_5m": _GOES_COLD.format("5 minutes"),
    "ttl_expired_1h": _GOES_COLD.format("one hour"),
    "tools_changed": "Connect MCP servers and plugins before the first prompt: a change of tools rewrites everything.",
    "system_changed": "Leave settings, output style and memory files alone while a session is long: they are part"
    " of the system prompt, which everything after it depends on.",
    "model_changed": "Change the model between tasks: each model has a prompt cache of its own.",
    "speed_changed": "Switch fast mode between tasks: each speed has a prompt cache of its own.",
    "effort_changed": "Set the effort before the first prompt: a change rewrites the prompt cache.",
    "thinking_changed": "Switch thinking between tasks: a change rewrites the conversation in the prompt cache.",
    "betas_changed": "Do not change features of the client in a long session: the set of betas is part of the cache.",
    "messages_changed": "Rewind early or not at all: what stands before the changed message is kept, the rest is"
    " written again.",
}
_BROKEN: Final = "Answers broke off after they were paid in part: look at the connection (VPN, sleep, a proxy's time limit)."
_UNPRICED: Final[Mapping[str, str]] = {
    "tool_loop": "The same call kept coming back with the same result: press Esc at the second one and say what differs.",
    "tool_repeats": "A tool failed the same way again and again: press Esc at the second failure and say what you know.",
    "tool_failures": "Many tools failed in a row: name the working command in CLAUDE.md.",
    "model_fallback": "Another model answered than was asked for: check /model before work that depends on it.",
    "compaction_loop": "The context filled again right after a compaction: give large files and logs to subagents.",
    "context_pressure": "Compact at a point of your choice (/compact, with what must be kept), or split the task.",
    "rate_limit": "A limit came near: move scripted work to other hours, or to a smaller model.",
    "truncated": "Answers hit the output limit: ask for smaller steps.",
}
_WAITED: Final = (
    "It waited for you: allow what you always allow (/permissions), and let desktop alerts call you."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`based_on` names the waste class and cause, or the finding; `turns` where it was seen. `saves_*`: what was lost
    to it (None: it has no price).
    """

    text: str
    based_on: str
    detail: str | None
    times: int
    turns: tuple[int, ...]
    saves_usd: float | None
    saves_tokens: int | None
    seconds: float | None
    evidence: Evidence


def advice(
    waste: Waste, rebuilds: Sequence[Rebuild], findings: Sequence[Finding], waited: float | None
) -> tuple[Advice, ...]:
    """The best advice, most saving first."""
    priced = [*_against_rebuilds(rebuilds), *_against_broken(waste)]
    priced = [one for one in priced if one.saves_usd is None or one.saves_usd >= _WORTH_USD]
    priced.sort(key=lambda one: (-(one.saves_usd or 0.0), -(one.saves_tokens or 0), one.based_on))
    return tuple([*priced, *_unpriced(findings), *_against_waiting(findings, waited)][:MAX_ADVICE])


def _against_rebuilds(rebuilds: Sequence[Rebuild]) -> list[Advice]:
    by_cause: dict[str, list[Rebuild]] = {}
    for rebuild in rebuilds:
        if not rebuild.expected and rebuild.cause in _OF_CAUSES:
            by_cause.setdefault(rebuild.cause, []).append(rebuild)
    found: list[Advice] = []
    for cause, own in by_cause.items():
        costs = [one.cost_usd for one in own if one.cost_usd is not None]
        found.append(
            Advice(
                text=_OF_CAUSES[cause],
                based_on=f"cache_rebuilds: {cause}",
                detail=next((one.detail for one in reversed(own) if one.detail), None),
                times=len(own),
                turns=tuple(one.turn for one in own if one.turn is not None)[:_MAX_TURNS],
                saves_usd=sum(costs) if costs else None,
                saves_tokens=sum(one.lost_tokens or 0 for one in own),
                seconds=max((one.idle_seconds or 0.0 for one in own), default=0.0) or None,
                evidence="measured" if all(one.evidence == "measured" for one in own) else "derived",
            )
        )
    return found


def _against_broken(waste: Waste) -> list[Advice]:
    return [
        Advice(
            text=_BROKEN,
            based_on=each.name,
            detail=None,
            times=each.times,
            turns=each.turns[:_MAX_TURNS],
            saves_usd=each.usd,
            saves_tokens=each.tokens,
            seconds=None,
            evidence=each.evidence,
        )
        for each in waste.classes
        if each.name == "broken_answers"
    ]


def _unpriced(findings: Sequence[Finding]) -> list[Advice]:
    order = list(_UNPRICED)
    known = sorted((one for one in findings if one.name in _UNPRICED), key=lambda one: order.index(one.name))
    first = {finding.name: finding for finding in reversed(known)}
    return [
        Advice(
            text=_UNPRICED[finding.name],
            based_on=finding.name,
            detail=finding.summary,
            times=finding.times,
            turns=finding.turns[:_MAX_TURNS],
            saves_usd=None,
            saves_tokens=None,
            seconds=finding.held_seconds,
            evidence=finding.evidence,
        )
        for name in order
        if (finding := first.get(name)) is not None
    ]


def _against_waiting(findings: Sequence[Finding], waited: float | None) -> list[Advice]:
    calls = [one for one in findings if one.name == "needs_answer"]
    held = sum(one.held_seconds or 0.0 for one in calls)
    seconds = max(held, waited or 0.0)
    if seconds < _LONG_WAIT_SECONDS:
        return []
    return [
        Advice(
            text=_WAITED,
            based_on="needs_answer" if held >= (waited or 0.0) else "tools: waited",
            detail=None,
            times=sum(one.times for one in calls),
            turns=tuple(turn for one in calls for turn in one.turns)[:_MAX_TURNS],
            saves_usd=None,
            saves_tokens=None,
            seconds=seconds,
            evidence="measured" if waited is not None else "derived",
        )
    ]
