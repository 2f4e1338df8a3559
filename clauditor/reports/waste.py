"""What was paid for nothing: each token and each dollar in one class, never more than the session's own totals.

Rebuilds cost what writing a prefix again cost more than reading it. An attempt without a whole answer cost what it was
billed, less a rebuild of its own, which is counted among the rebuilds. What cannot be priced is only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from clauditor.model.events import FAILED_TOOL_OUTCOMES, Evidence
from clauditor.reports.foreign import amount_of, count_of
from clauditor.reports.material import Attempt, Material, all_tokens, usage_of
from clauditor.reports.rebuilds import Rebuild

REPEATS_FROM: Final = 3  # the same failure so often is a pattern, not an attempt
_KEPT_REPEATS: Final = 10
_KEPT_TURNS: Final = 20

_ENDED_BY: Final = {
    "broken_answers": frozenset({"http", "stream"}),
    "interrupted_answers": frozenset({"aborted"}),
}

_Same = tuple[str, str | None, str, str | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteClass:
    """`turns` are the first in which it happened. `tokens` and `usd` None: not known, or not of a kind that can be
    priced (`is_priced`).
    """

    name: str
    times: int
    turns: tuple[int, ...]
    tokens: int | None
    usd: float | None
    is_priced: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """The sum of the classes, and the whole it is a part of. `at_least`: not all of it was seen."""

    tokens: int
    usd: float | None
    of_tokens: int | None
    of_usd: float | None
    ratio: float | None
    at_least: bool
    classes: tuple[WasteClass, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A tool that failed again and again in one prompt, with the same target and an input of the same size: a heuristic."""

    name: str
    target: str | None
    agent_id: str
    failures: int
    first_turn: int
    last_turn: int


def waste(
    material: Material, rebuilds: Sequence[Rebuild], repeats: Sequence[Repeat], *, at_least: bool
) -> Waste:
    """Adds up what the session wasted."""
    whole = usage_of(material.section("tokens"))
    of_tokens = None if whole is None else all_tokens(whole)
    of_usd = amount_of(material.snapshot.get("cost_usd"))
    classes = _within([*_unanswered(material, rebuilds), *_rebuilt(material, rebuilds)], of_tokens, of_usd)
    known = [each.usd for each in classes if each.usd is not None]
    usd = None if of_usd is None or not known else min(sum(known), of_usd)
    return Waste(
        tokens=sum(each.tokens or 0 for each in classes),
        usd=usd,
        of_tokens=of_tokens,
        of_usd=of_usd,
        ratio=usd / of_usd if usd is not None and of_usd else None,
        at_least=at_least,
        classes=(*classes, *_repeated(repeats)),
    )


def _unanswered(material: Material, rebuilds: Sequence[Rebuild]) -> list[WasteClass]:
    """Attempts that cost something and brought no complete answer. One that only we saw in part is none of them."""
    found: list[WasteClass] = []
    for name, outcomes in _ENDED_BY.items():
        ended = [(turn, attempt) for turn, attempt in material.attempts() if attempt.outcome in outcomes]
        ended = [(turn, attempt) for turn, attempt in ended if attempt.cost_usd or _tokens(attempt)]
        if not ended:
            continue
        paid = [attempt for _, attempt in ended]
        rebuilt = [one for one in rebuilds if one.outcome in outcomes and not one.expected]
        costs = [attempt.cost_usd for attempt in paid if attempt.cost_usd is not None]
        can_part = all(one.cost_usd is not None for one in rebuilt)
        lost_usd = sum(one.cost_usd or 0.0 for one in rebuilt)
        lost_tokens = sum(one.lost_tokens or 0 for one in rebuilt)
        found.append(
            WasteClass(
                name=name,
                times=len(paid),
                turns=_first(turn.number for turn, _ in ended),
                tokens=max(0, sum(map(_tokens, paid)) - lost_tokens),
                usd=max(0.0, sum(costs) - lost_usd) if costs and can_part else None,
                is_priced=True,
                evidence="derived" if rebuilt else "measured",
            )
        )
    return found


def _rebuilt(material: Material, rebuilds: Sequence[Rebuild]) -> list[WasteClass]:
    cache = material.section("cache")
    times, tokens = count_of(cache.get("misses")) or 0, count_of(cache.get("lost_tokens"))
    if not times and not tokens:
        return []
    usd = amount_of(cache.get("lost_cost_usd"))
    turns = _first(one.turn for one in rebuilds if one.turn is not None and not one.expected)
    return [
        WasteClass(
            name="cache_rebuilds",
            times=max(1, times),
            turns=turns,
            tokens=tokens,
            usd=usd,
            is_priced=True,
            evidence="derived",
        )
    ]


def _repeated(repeats: Sequence[Repeat]) -> list[WasteClass]:
    times = sum(repeat.failures - 1 for repeat in repeats)  # the first one told something
    if not times:
        return []
    return [
        WasteClass(
            name="repeated_failing_tools",
            times=times,
            turns=_first(repeat.first_turn for repeat in repeats),
            tokens=None,
            usd=None,
            is_priced=False,
            evidence="heuristic",
        )
    ]


def _within(classes: Sequence[WasteClass], tokens: int | None, usd: float | None) -> list[WasteClass]:
    """Foreign figures may disagree with each other: no class takes more than those before it left of the whole."""
    kept: list[WasteClass] = []
    for each in classes:
        own_tokens = None if tokens is None or each.tokens is None else min(each.tokens, tokens)
        own_usd = None if usd is None or each.usd is None else min(each.usd, usd)
        tokens = None if tokens is None else tokens - (own_tokens or 0)
        usd = None if usd is None else max(0.0, usd - (own_usd or 0.0))
        kept.append(replace(each, tokens=own_tokens, usd=own_usd))
    return kept


def _first(turns: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(turns))[:_KEPT_TURNS]


def _tokens(attempt: Attempt) -> int:
    return 0 if attempt.usage is None else all_tokens(attempt.usage)


def repeats(material: Material) -> tuple[Repeat, ...]:
    """Tools that failed the same way at least `REPEATS_FROM` times within one prompt, most often first."""
    failures = Counter[_Same]()
    turns: dict[_Same, list[int]] = {}
    for turn, tool in material.tools():
        if tool.outcome in FAILED_TOOL_OUTCOMES:
            same = (turn.agent_id, turn.prompt_id, tool.name, tool.target, tool.input_bytes)
            failures[same] += 1
            turns.setdefault(same, []).append(turn.number)
    return tuple(
        Repeat(
            name=same[2],
            target=same[3],
            agent_id=same[0],
            failures=number,
            first_turn=turns[same][0],
            last_turn=turns[same][-1],
        )
        for same, number in failures.most_common(_KEPT_REPEATS)
        if number >= REPEATS_FROM
    )
