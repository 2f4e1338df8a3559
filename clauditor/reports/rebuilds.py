"""When the prompt cache was lost, why, and when the conversation was compacted.

The session's own ledger (`model.cache`) is run again over the turns, without what lived in memory only: it finds the
same rebuilds, and of the causes those that times and models tell. What the snapshot and the signals remember of a
rebuild takes the place of what is found out anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from clauditor.model.cache import CacheLedger
from clauditor.model.call import Call
from clauditor.model.events import MAIN_AGENT, AttemptFinished, Evidence
from clauditor.model.prices import PriceList
from clauditor.reports.foreign import amount_of, count_of, map_of, text_of
from clauditor.reports.material import Material, SignalRecord

MAX_REBUILDS: Final = 200
REBUILD_SIGNALS: Final = frozenset({"cache_rebuilt", "cache_thrash"})
_SAME_SECONDS: Final = 1.0  # stored times are whole milliseconds, a signal is raised with its event
_SHRUNK_TO: Final = 0.5  # a prompt that falls below this share of the one before was summarised: a heuristic
_AGREEMENT: Final = 0.02  # lost tokens found anew and those that were counted live, to share costs by them

_SAID: Final = {  # how the signal ends its sentence
    "ttl_expired_5m": "5 minutes passed",
    "ttl_expired_1h": "an hour passed",
    "model_changed": "the model changed",
    "speed_changed": "the speed changed",
    "tools_changed": "the tools changed",
    "system_changed": "the system prompt changed",
    "messages_changed": "earlier messages changed",
    "betas_changed": "beta features changed",
    "effort_changed": "the effort changed",
    "thinking_changed": "thinking changed",
    "likely_server_side": "likely on the server's side",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A prefix that was written to the cache again.

    `lost_tokens` could have been read; `cost_usd` is what that cost more (None: unknown). `idle_seconds` since the
    agent's last answer. `said` is the live signal's own sentence. `expected`: a compaction explains it. `outcome` is
    that of the attempt which wrote it (None: not in hand).
    """

    turn: int | None
    at: float
    agent_id: str
    cause: str
    detail: str | None
    said: str | None
    lost_tokens: int | None
    cost_usd: float | None
    idle_seconds: float | None
    expected: bool
    outcome: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """The client summarised the conversation: the main thread's prompt before and after it, in tokens."""

    turn: int | None
    at: float
    trigger: str | None
    tokens_before: int | None
    tokens_after: int | None
    evidence: Evidence


class _NoPrices:
    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:  # noqa: ARG002
        return None


def rebuilds(material: Material, compactions: tuple[Compaction, ...]) -> tuple[Rebuild, ...]:
    """Every rebuild that can be known, oldest first; the newest `MAX_REBUILDS`."""
    found = _replayed(material, [compaction.at for compaction in compactions])
    found = _as_counted(material, _with_newest(material, found))
    signals = [signal for signal in material.signals if signal.name == "cache_rebuilt"]
    found = [_with_signal(rebuild, signals) for rebuild in found]
    return tuple(_priced(material, found)[-MAX_REBUILDS:])


def compactions(material: Material) -> tuple[Compaction, ...]:
    """As many as the session counted: the last one as it was seen, the others where the prompt fell most."""
    context = material.section("context")
    number = count_of(context.get("compactions")) or 0
    falls = _falls(material)
    known: list[Compaction] = []
    last = map_of(context.get("last_compaction"))
    at = amount_of(last.get("at"))
    if number and at is not None:
        known.append(
            Compaction(
                turn=material.turn_at(at),
                at=at,
                trigger=text_of(last.get("trigger")),
                tokens_before=count_of(last.get("tokens_before")),
                tokens_after=count_of(last.get("tokens_after")),
                evidence="measured",
            )
        )
        # The fall that it caused, and what fell after it, is no other compaction.
        falls = [fall for fall in falls if fall.at < at]
    largest = sorted(falls, key=lambda fall: -((fall.tokens_before or 0) - (fall.tokens_after or 0)))
    return tuple(sorted([*known, *largest[: max(0, number - len(known))]], key=lambda one: one.at))


def _falls(material: Material) -> list[Compaction]:
    falls: list[Compaction] = []
    before: int | None = None
    for turn in material.turns:
        if turn.agent_id != MAIN_AGENT or (usage := turn.answer) is None:
            continue
        if before is not None and usage.prompt_tokens < _SHRUNK_TO * before:
            falls.append(
                Compaction(
                    turn=turn.number,
                    at=turn.started_at,
                    trigger=None,
                    tokens_before=before,
                    tokens_after=usage.prompt_tokens,
                    evidence="heuristic",
                )
            )
        before = usage.prompt_tokens
    return falls


def _replayed(material: Material, compacted_at: list[float]) -> list[Rebuild]:
    ledgers: dict[str, CacheLedger] = {}
    answered_at: dict[str, float] = {}
    found: list[Rebuild] = []
    for turn, attempt in material.attempts():
        usage, agent_id = attempt.usage, turn.agent_id
        if usage is None or not usage.prompt_tokens or turn.model is None:
            continue
        ledger = ledgers.setdefault(agent_id, CacheLedger())
        if agent_id == MAIN_AGENT:
            while compacted_at and attempt.started_at >= compacted_at[0]:
                del compacted_at[0]
                ledger.announce()
        call = Call(exchange_id="", turn_id="", attempt=1, model=turn.model, started_at=attempt.started_at)
        end = AttemptFinished(
            at=attempt.ended_at, session_id="", agent_id=agent_id, model=turn.model, usage=usage
        )
        _, miss = ledger.see(call, end, usage, _NoPrices())
        before = answered_at.get(agent_id)
        answered_at[agent_id] = attempt.ended_at
        if miss is None:
            continue
        found.append(
            Rebuild(
                turn=turn.number,
                at=miss.at,
                agent_id=agent_id,
                cause=miss.cause,
                detail=miss.detail or None,
                said=None,
                lost_tokens=miss.lost_tokens,
                cost_usd=None,
                idle_seconds=None if before is None else max(0.0, attempt.started_at - before),
                expected=miss.expected,
                outcome=attempt.outcome,
                evidence="derived",
            )
        )
    return found


def _with_newest(material: Material, found: list[Rebuild]) -> list[Rebuild]:
    """What the snapshot tells of the newest rebuild, in the place of what was found out of it."""
    miss = map_of(material.section("cache").get("last_miss"))
    cause, at = text_of(miss.get("cause")), amount_of(miss.get("at"))
    if cause is None or at is None or cause == "cold_start":
        return found
    agent_id = text_of(miss.get("agent_id")) or MAIN_AGENT
    same = next((one for one in found if one.agent_id == agent_id and abs(one.at - at) < _SAME_SECONDS), None)
    newest = Rebuild(
        turn=same.turn if same else material.turn_at(at, agent_id),
        at=at,
        agent_id=agent_id,
        cause=cause,
        detail=text_of(miss.get("detail")),
        said=None,
        lost_tokens=count_of(miss.get("lost_tokens")),
        cost_usd=amount_of(miss.get("cost_usd")),
        idle_seconds=same.idle_seconds if same else None,
        expected=miss.get("expected") is True,
        outcome=same.outcome if same else None,
        evidence="heuristic" if cause == "likely_server_side" else "derived",
    )
    return sorted([*(one for one in found if one is not same), newest], key=lambda one: one.at)


def _as_counted(material: Material, found: list[Rebuild]) -> list[Rebuild]:
    """No more rebuilds than the live ledger counted, which saw more: what it explained away is left out.

    Kept are those whose cause is known from it (the newest), then the largest.
    """
    misses = count_of(material.section("cache").get("misses"))
    unexpected = [one for one in found if not one.expected]
    if misses is None or len(unexpected) <= misses:
        return found
    newest_at = amount_of(map_of(material.section("cache").get("last_miss")).get("at"))
    unexpected.sort(key=lambda one: (one.at != newest_at, -(one.lost_tokens or 0)))
    dropped = {id(one) for one in unexpected[misses:]}
    return [one for one in found if id(one) not in dropped]


def _with_signal(rebuild: Rebuild, signals: list[SignalRecord]) -> Rebuild:
    """What was said at the time: it knows a cause that lived in memory only."""
    for signal in signals:
        if signal.agent_id == rebuild.agent_id and abs(signal.raised_at - rebuild.at) < _SAME_SECONDS:
            cause, detail = said_cause(signal.summary) or (rebuild.cause, rebuild.detail)
            return replace(
                rebuild,
                said=signal.summary,
                cause=cause,
                detail=rebuild.detail or detail,
                evidence=signal.evidence,
            )
    return rebuild


def said_cause(summary: str) -> tuple[str, str | None] | None:
    """The cause and its detail in the sentence of the signal `cache_rebuilt`; a test holds the two together."""
    for cause, phrase in _SAID.items():
        if (
            found := re.search(rf"{phrase}(?: \((?!in agent )(.*?)\))?(?: \(in agent .*\))?\.?$", summary)
        ) is not None:
            return cause, found[1]
    return None


def _priced(material: Material, found: list[Rebuild]) -> list[Rebuild]:
    """The session's lost dollars, shared by tokens among rebuilds whose own cost is not known.

    Only where the tokens found are those that were counted live: else the shares would be made up.
    """
    cache = material.section("cache")
    total_usd, total_tokens = amount_of(cache.get("lost_cost_usd")), count_of(cache.get("lost_tokens"))
    unexpected = [one for one in found if not one.expected]
    tokens = sum(one.lost_tokens or 0 for one in unexpected)
    if total_usd is None or not total_tokens or abs(tokens - total_tokens) > _AGREEMENT * total_tokens:
        return found
    left_usd = max(0.0, total_usd - sum(one.cost_usd or 0.0 for one in unexpected))
    left_tokens = sum(one.lost_tokens or 0 for one in unexpected if one.cost_usd is None)
    return [
        replace(one, cost_usd=left_usd * (one.lost_tokens or 0) / left_tokens)
        if not one.expected and one.cost_usd is None and left_tokens
        else one
        for one in found
    ]
