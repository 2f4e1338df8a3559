"""What went wrong, since which turn, and how sure that is.

Signals first: they were raised at the time, with evidence. Facts speak for themselves only where no signal said the
same (before signals were kept, or where they are switched off).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.model.events import MAIN_AGENT, Evidence, Severity
from clauditor.model.verdict import SEVERITIES
from clauditor.names import tool_name
from clauditor.reports.foreign import count_of
from clauditor.reports.material import Material, SignalRecord
from clauditor.reports.rebuilds import REBUILD_SIGNALS, Rebuild
from clauditor.reports.waste import Repeat

MAX_FINDINGS: Final = 50
_MAX_TURNS: Final = 20
_SAME_SECONDS: Final = 1.0  # stored times are whole milliseconds
NO_FAULT: Final = frozenset({"needs_answer", "cache_expiring", "unobserved"})
"""They call a person, warn, or tell of what we did not see: nothing of the session's own went wrong."""

MOMENTARY: Final = frozenset({"cache_rebuilt", "refused", "truncated"})
"""They tell of one call and hold until the next: how long that was says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing, however often it happened. `turns` are those at which it began (the first `_MAX_TURNS`).

    `raised_at` is the first time, `cleared_at` the end of the last (None: it still holds, or is of one moment);
    `held_seconds` is the sum (None: it is `MOMENTARY`). `is_fault` False: see `NO_FAULT`.
    """

    name: str
    severity: Severity
    evidence: Evidence
    summary: str
    times: int
    turns: tuple[int, ...]
    raised_at: float | None
    cleared_at: float | None
    held_seconds: float | None
    agent_id: str
    is_fault: bool


def findings(
    material: Material, rebuilds: Sequence[Rebuild], repeats: Sequence[Repeat], unseen: int
) -> tuple[Finding, ...]:
    """In the order in which they began."""
    groups: dict[tuple[str, str], list[SignalRecord]] = {}
    for signal in material.signals:
        groups.setdefault((signal.name, signal.agent_id), []).append(signal)
    found = [_of_signals(material, signals) for signals in groups.values()]
    said = {signal.name for signal in material.signals}
    if not said & {"api_errors", "retrying", "stalled"}:
        found += _failed_attempts(material)
    if not said & REBUILD_SIGNALS:
        found += _rebuilt(rebuilds)
    if not said & {"tool_loop", "tool_failures"}:
        found += [_repeated(material, repeat) for repeat in repeats]
    if unseen and "unobserved" not in said:
        found.append(_unseen(unseen))
    worst = sorted(found, key=lambda one: (not one.is_fault, -SEVERITIES.index(one.severity)))[:MAX_FINDINGS]
    return tuple(sorted(worst, key=lambda one: (one.raised_at is None, one.raised_at or 0.0, one.name)))


def since_turn(found: Sequence[Finding]) -> int | None:
    """The first turn at which something went wrong that was worth a look."""
    faults = (one for one in found if one.is_fault and one.severity != "notice")
    return min((one.turns[0] for one in faults if one.turns), default=None)


def _of_signals(material: Material, signals: Sequence[SignalRecord]) -> Finding:
    worst = max(signals, key=lambda signal: SEVERITIES.index(signal.severity))
    is_holding = any(signal.cleared_at is None for signal in signals)
    turns = (material.turn_at(signal.raised_at, signal.agent_id) for signal in signals)
    return Finding(
        name=worst.name,
        severity=worst.severity,
        evidence=worst.evidence,
        summary=worst.summary,
        times=_episodes(signals),
        turns=tuple(dict.fromkeys(turn for turn in turns if turn is not None))[:_MAX_TURNS],
        raised_at=signals[0].raised_at,
        cleared_at=None if is_holding else max(signal.cleared_at or 0.0 for signal in signals),
        held_seconds=None if worst.name in MOMENTARY else sum(held_seconds(material, one) for one in signals),
        agent_id=worst.agent_id,
        is_fault=worst.name not in NO_FAULT,
    )


def held_seconds(material: Material, signal: SignalRecord) -> float:
    until = material.now if signal.cleared_at is None else signal.cleared_at
    return max(0.0, until - signal.raised_at)


def _episodes(signals: Sequence[SignalRecord]) -> int:
    """How often it came up: one that only grew worse or better went on, and counts once."""
    number, until = 0, float("-inf")
    for signal in signals:
        number += signal.raised_at > until + _SAME_SECONDS
        until = max(until, float("inf") if signal.cleared_at is None else signal.cleared_at)
    return number


def _failed_attempts(material: Material) -> list[Finding]:
    failed = [(turn, attempt) for turn, attempt in material.attempts() if attempt.is_failure]
    if not failed:
        return []
    ways = Counter(
        "the answer broke off" if attempt.outcome == "stream" else f"status {attempt.status or 'unknown'}"
        for _, attempt in failed
    )
    named = ", ".join(f"{way} x{number}" if number > 1 else way for way, number in ways.most_common(4))
    number = len(failed)
    turns = tuple(dict.fromkeys(turn.number for turn, _ in failed))
    return [
        Finding(
            name="failed_attempts",
            severity="notice" if all(turn.outcome == "ok" for turn, _ in failed) else "watch",
            evidence="measured",
            summary=f"{number} {'attempt' if number == 1 else 'attempts'} failed: {named}",
            times=number,
            turns=turns[:_MAX_TURNS],
            raised_at=failed[0][0].started_at,
            cleared_at=None,
            held_seconds=None,
            agent_id=failed[0][0].agent_id,
            is_fault=True,
        )
    ]


def _rebuilt(rebuilds: Sequence[Rebuild]) -> list[Finding]:
    unexpected = [one for one in rebuilds if not one.expected]
    if not unexpected:
        return []
    turns = tuple(dict.fromkeys(one.turn for one in unexpected if one.turn is not None))
    return [
        Finding(
            name="cache_rebuilt",
            severity="watch",
            evidence="derived",
            summary="prompt cache written again",
            times=len(unexpected),
            turns=turns[:_MAX_TURNS],
            raised_at=unexpected[0].at,
            cleared_at=None,
            held_seconds=None,
            agent_id=unexpected[0].agent_id,
            is_fault=True,
        )
    ]


def _repeated(material: Material, repeat: Repeat) -> Finding:
    name = tool_name(repeat.name)
    what = f"{name} ({repeat.target})" if repeat.target else name
    first = next((turn for turn in material.turns if turn.number == repeat.first_turn), None)
    return Finding(
        name="tool_repeats",
        severity="watch",
        evidence="heuristic",
        summary=f"{what} failed {repeat.failures} times in the same way",
        times=1,
        turns=(repeat.first_turn,),
        raised_at=first.started_at if first else None,
        cleared_at=None,
        held_seconds=None,
        agent_id=repeat.agent_id,
        is_fault=True,
    )


def _unseen(unseen: int) -> Finding:
    return Finding(
        name="unobserved",
        severity="notice",
        evidence="measured",
        summary=f"{unseen} {'call was' if unseen == 1 else 'calls were'} seen only in part: totals are at least these",
        times=unseen,
        turns=(),
        raised_at=None,
        cleared_at=None,
        held_seconds=None,
        agent_id=MAIN_AGENT,
        is_fault=False,
    )


def unseen_exchanges(material: Material) -> int:
    """Exchanges of the session of which something was not seen."""
    return max(count_of(material.section("unobserved").get("exchanges")) or 0, material.gaps)
