"""The session in at most forty moments: the most telling are kept, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.events import MAIN_AGENT, Evidence, Severity
from clauditor.reports.findings import MOMENTARY, NO_FAULT, held_seconds
from clauditor.reports.foreign import amount_of, count_of, text_of
from clauditor.reports.material import Material, TurnRecord
from clauditor.reports.rebuilds import REBUILD_SIGNALS, Compaction, Rebuild

MAX_MOMENTS: Final = 40

MomentKind = Literal["start", "prompt", "compaction", "signal", "rebuild", "failure", "end", "now"]
_RANKS: Final[dict[Severity, int]] = {"act": 1, "watch": 3, "notice": 5}
_ALWAYS, _HARM, _PROMPT = 0, 2, 4
_SAME_SECONDS: Final = 1.0
_WORTH_SECONDS: Final = 60.0  # a dialog that was answered at once is no event


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One row. `name` is the signal, the cause of a rebuild, or how an attempt failed; `text` says more.

    `number`: which prompt, the last status of a failed turn. `turns`, `tools`, `cost_usd`: what a prompt led to.
    `tokens`: lost by a rebuild, or before a compaction. `seconds`: how long a signal held.
    """

    at: float
    kind: MomentKind
    turn: int | None = None
    agent_id: str = MAIN_AGENT
    name: str | None = None
    text: str | None = None
    number: int | None = None
    turns: int | None = None
    tools: int | None = None
    tokens: int | None = None
    tokens_after: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    severity: Severity | None = None
    evidence: Evidence = "measured"


Ranked = tuple[int, float, Moment]  # the smaller the rank and the larger the weight, the more telling


def timeline(
    material: Material, rebuilds: Sequence[Rebuild], compactions: Sequence[Compaction], *, ended: bool
) -> tuple[tuple[Moment, ...], int]:
    """The moments, oldest first, and how many were left out."""
    ranked = [
        *_ends(material, ended=ended),
        *_prompts(material),
        *_signals(material, rebuilds),
        *_rebuilds(rebuilds),
        *_compactions(compactions),
        *_failures(material),
    ]
    ranked.sort(key=lambda one: (one[0], -one[1], one[2].at))
    kept = sorted((moment for _, _, moment in ranked[:MAX_MOMENTS]), key=lambda moment: moment.at)
    return tuple(kept), max(0, len(ranked) - MAX_MOMENTS)


def _ends(material: Material, *, ended: bool) -> list[Ranked]:
    started_at = amount_of(material.snapshot.get("started_at"))
    ended_at = amount_of(material.snapshot.get("ended_at"))
    found: list[Ranked] = []
    if started_at is not None:
        found.append((_ALWAYS, 0.0, Moment(at=started_at, kind="start")))
    if ended and ended_at is not None:
        stop_reason = text_of(material.snapshot.get("stop_reason"))
        found.append((_ALWAYS, 0.0, Moment(at=ended_at, kind="end", name=stop_reason)))
    elif not ended:
        found.append((_ALWAYS, 0.0, Moment(at=material.now, kind="now")))
    return found


def _prompts(material: Material) -> list[Ranked]:
    """One row a prompt, with what it led to; agents that it started count in."""
    groups: dict[str, list[TurnRecord]] = {}
    for turn in material.turns:
        if turn.prompt_id is not None:
            groups.setdefault(turn.prompt_id, []).append(turn)
    # Prompts of turns that are not in hand come before these.
    earlier = (
        max(0, (count_of(material.snapshot.get("prompts")) or 0) - len(groups))
        if material.earlier_turns
        else 0
    )
    found: list[Ranked] = []
    for number, turns in enumerate(groups.values(), earlier + 1):
        costs = [turn.cost_usd for turn in turns if turn.cost_usd is not None]
        cost = sum(costs) if costs else None
        moment = Moment(
            at=turns[0].started_at,
            kind="prompt",
            turn=turns[0].number,
            number=number,
            turns=len(turns),
            tools=sum(len(turn.tools) for turn in turns),
            cost_usd=cost,
        )
        found.append((_PROMPT, cost or 0.0, moment))
    return found


def _signals(material: Material, rebuilds: Sequence[Rebuild]) -> list[Ranked]:
    """Signals, without those that a rebuild's own row stands for, and short calls for a person."""
    found: list[Ranked] = []
    for signal in material.signals:
        if signal.name in REBUILD_SIGNALS and any(
            abs(rebuild.at - signal.raised_at) < _SAME_SECONDS for rebuild in rebuilds
        ):
            continue
        seconds = held_seconds(material, signal)
        if signal.name in NO_FAULT and seconds < _WORTH_SECONDS:
            continue
        moment = Moment(
            at=signal.raised_at,
            kind="signal",
            turn=material.turn_at(signal.raised_at, signal.agent_id),
            agent_id=signal.agent_id,
            name=signal.name,
            text=signal.summary,
            seconds=None if signal.name in MOMENTARY else seconds,
            severity=signal.severity,
            evidence=signal.evidence,
        )
        rank = _PROMPT if signal.name in NO_FAULT else _RANKS[signal.severity]
        found.append((rank, seconds, moment))
    return found


def _rebuilds(rebuilds: Sequence[Rebuild]) -> list[Ranked]:
    """What a compaction explains is left to the compaction's row."""
    return [
        (
            _HARM,
            float(rebuild.lost_tokens or 0),
            Moment(
                at=rebuild.at,
                kind="rebuild",
                turn=rebuild.turn,
                agent_id=rebuild.agent_id,
                name=rebuild.cause,
                text=rebuild.detail or rebuild.said,
                tokens=rebuild.lost_tokens,
                cost_usd=rebuild.cost_usd,
                seconds=rebuild.idle_seconds,
                evidence=rebuild.evidence,
            ),
        )
        for rebuild in rebuilds
        if not rebuild.expected
    ]


def _compactions(compactions: Sequence[Compaction]) -> list[Ranked]:
    return [
        (
            _RANKS["act"],
            float(one.tokens_before or 0),
            Moment(
                at=one.at,
                kind="compaction",
                turn=one.turn,
                name=one.trigger,
                tokens=one.tokens_before,
                tokens_after=one.tokens_after,
                evidence=one.evidence,
            ),
        )
        for one in compactions
    ]


def _failures(material: Material) -> list[Ranked]:
    """Turns of which an attempt failed; those without any answer first."""
    found: list[Ranked] = []
    for turn in material.turns:
        failed = [attempt for attempt in turn.attempts if attempt.is_failure]
        if failed:
            moment = Moment(
                at=turn.started_at,
                kind="failure",
                turn=turn.number,
                agent_id=turn.agent_id,
                name=failed[-1].outcome,
                text="answered" if turn.outcome == "ok" else "not answered",
                number=failed[-1].status,
                turns=len(failed),
            )
            found.append((_HARM, 1e9 if turn.outcome != "ok" else float(len(failed)), moment))
    return found
