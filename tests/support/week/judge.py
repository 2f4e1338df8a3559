"""Who was right: what was raised against what was planted, and against what is true by the vendor's answers.

A signal of a healthy session is a false alarm if it is `act`, whatever it says; or `watch` and not true of it:

- `needs_answer`: true while the person has the turn after at least a minute of work for their prompt.
- `cache_expiring`: true while the session waits, if writing its last prompt again costs 45 cents more than reading it.
- `cache_rebuilt`: true if the newest answer of that agent read less than what it and the answer before have in
  common, by tokens whose writing costs nine cents more than reading.
- `context_pressure`: true if within the next ten calls of the main thread the room is filled to nine tenths, or the
  conversation is compacted.
- `cost_pace`: true if its calls cost more than the limit that the user set.

Everything else is not true of a healthy session: nothing of that kind was done to it. (Amounts are a tenth under
the thresholds, as the truth is worked out another way than the signal.) A `notice` changes no verdict and is no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clauditor.model.events import MAIN_AGENT, SignalCleared, SignalRaised
from clauditor.model.facts import CallFact
from clauditor.model.usage import Usage
from clauditor.model.verdict import SEVERITIES, Level
from support.virtual import PRICES
from support.week.plan import compacts_at
from support.week.play import Played, Verdict
from support.week.player import Planted, Player

_WORKED_SECONDS: Final = 60.0
_EXPIRING_USD: Final = 0.45
_REBUILT_USD: Final = 0.09
_FULL_RATIO: Final = 0.9
_CALLS_LEFT: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    signal: str
    severity: str
    at: float
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One session in the end. Points in time are seconds since the session's first request. `found_after`: seconds
    from planting until the signal held (None: never in time); `is_led`: then it was what the verdict named.
    `untrue` are false alarms, `true` the names of signals that were raised and are true of it.
    """

    number: int
    trouble: str | None
    near_misses: tuple[str, ...]
    calls: int
    seconds: float
    worst: Level
    worst_at: float
    leading: str | None
    planted: str | None
    found_after: float | None
    is_led: bool
    untrue: tuple[Alarm, ...]
    true: tuple[str, ...]

    @property
    def is_sick(self) -> bool:
        return self.planted is not None


def judge(played: Played) -> list[Case]:
    """Every session of a machine."""
    return [_Judge(played, player).case() for player in played.players]


class _Judge:
    def __init__(self, played: Played, player: Player) -> None:
        ids = player.session_ids
        self._player = player
        self._limit_usd = played.machine.limit_usd
        self._edges = [edge for edge in played.stage.edges if edge.session_id in ids]
        self._calls = [
            fact for fact in played.stage.facts if isinstance(fact, CallFact) and fact.session_id in ids
        ]
        self._verdicts = [one for known in ids for one in played.verdicts.get(known, ())]
        self._ends_at = played.stage.now()

    def case(self) -> Case:
        plan, planted = self._player.plan, self._player.planted
        if plan.trouble is not None and planted is None:
            raise RuntimeError(f"session {plan.number}: {plan.trouble} never came about")
        began = min(call.started_at for call in self._calls)
        worst = self._worst()
        held = None if planted is None else self._held(planted)
        alarms = [
            edge for edge in self._edges if isinstance(edge, SignalRaised) and edge.severity != "notice"
        ]
        untrue = [edge for edge in alarms if not self._is_true(edge)]
        return Case(
            number=plan.number,
            trouble=plan.trouble,
            near_misses=plan.near_misses,
            calls=sum(call.kind == "turn" for call in self._calls),
            seconds=max(call.ended_at for call in self._calls) - began,
            worst=worst.level,
            worst_at=worst.at - began,
            leading=worst.signal,
            planted=None if planted is None else planted.signal,
            found_after=None if held is None or planted is None else max(0.0, held - planted.from_at),
            is_led=planted is not None and held is not None and self._leads(planted.signal, held),
            untrue=tuple(
                Alarm(signal=edge.name, severity=edge.severity, at=edge.at - began, summary=edge.summary)
                for edge in untrue
            ),
            true=tuple(dict.fromkeys(edge.name for edge in alarms if edge not in untrue)),
        )

    def _worst(self) -> Verdict:
        """The first of the worst verdicts it ever had."""
        levels = ("ok", "watch", "act")
        first = Verdict(at=min(call.started_at for call in self._calls), level="ok", signal=None)
        return max([first, *self._verdicts], key=lambda one: levels.index(one.level))

    def _leads(self, signal: str, at: float) -> bool:
        """Whether the verdict named the signal from then on."""
        return any(one.signal == signal and one.at >= at for one in self._verdicts)

    def _held(self, planted: Planted) -> float | None:
        """From when on the planted signal held within its time, as severe as it must be and with its cause."""
        for edge in self._edges:
            if not isinstance(edge, SignalRaised) or edge.name != planted.signal or edge.at > planted.due_at:
                continue
            ends = next(
                (
                    one.at
                    for one in self._edges
                    if isinstance(one, SignalCleared) and one.name == edge.name and one.raised_at == edge.at
                ),
                self._ends_at,
            )
            is_severe = SEVERITIES.index(edge.severity) >= SEVERITIES.index(planted.severity)
            if ends > planted.from_at and is_severe and planted.says in edge.summary:
                return edge.at
        return None

    # -- the truth -------------------------------------------------------------------------------------

    def _is_true(self, edge: SignalRaised) -> bool:
        planted = self._player.planted
        if (
            planted is not None
            and edge.at >= planted.from_at
            and edge.name in (planted.signal, *planted.also)
        ):
            return True
        if edge.severity == "act":
            return planted is not None and edge.name == "needs_answer" and self._is_asked(edge.at)
        match edge.name:
            case "needs_answer":
                return any(
                    rest.begins <= edge.at <= rest.ends and rest.worked_seconds >= _WORKED_SECONDS
                    for rest in self._player.rests
                )
            case "cache_expiring":
                return self._is_waiting(edge) and self._rewriting_usd(edge) >= _EXPIRING_USD
            case "cache_rebuilt":
                return self._lost_usd(edge) >= _REBUILT_USD
            case "context_pressure":
                return self._is_filling(edge)
            case "cost_pace":
                return 0 < self._limit_usd <= sum(call.cost_usd or 0.0 for call in self._before(edge))
        return False

    def _before(self, edge: SignalRaised, agent: str | None = None) -> list[CallFact]:
        """Calls of the session that had ended, of one agent or of all."""
        return [
            call
            for call in self._calls
            if call.ended_at <= edge.at
            and call.session_id == edge.session_id
            and (agent is None or call.agent_id == agent)
        ]

    def _told(self, edge: SignalRaised, agent: str) -> list[tuple[CallFact, Usage]]:
        """Those of an agent that told their counts."""
        turns = [call for call in self._before(edge, agent) if call.kind == "turn"]
        return [(call, call.usage) for call in turns if call.usage is not None]

    def _is_asked(self, at: float) -> bool:
        return any(begins + 5 <= at <= ends for begins, ends in self._player.dialogs)

    def _is_waiting(self, edge: SignalRaised) -> bool:
        """A session that was left by /clear waits for good."""
        rests = any(rest.begins <= edge.at <= rest.ends for rest in self._player.rests)
        dialogs = any(begins <= edge.at <= ends for begins, ends in self._player.dialogs)
        return rests or dialogs or edge.session_id != self._player.session_ids[-1]

    def _rewriting_usd(self, edge: SignalRaised) -> float:
        """What it costs more to write the main thread's last prompt than to read it."""
        told = self._told(edge, MAIN_AGENT)
        return told[-1][1].prompt_tokens * self._usd_a_token(*told[-1]) if told else 0.0

    def _lost_usd(self, edge: SignalRaised) -> float:
        """What the agent's last prompt did not read of what it has in common with the one before."""
        told = self._told(edge, edge.agent_id)
        if len(told) < 2:
            return 0.0
        (_, before), (call, now) = told[-2:]
        lost = min(now.prompt_tokens, before.prompt_tokens) - now.cache_read
        return lost * self._usd_a_token(call, now)

    def _usd_a_token(self, call: CallFact, usage: Usage) -> float:
        """What writing costs more than reading."""
        model = call.model_served or call.model_requested or ""
        prices = PRICES.price_list(model, speed=None, batch=False, at=call.ended_at)
        if prices is None:
            return 0.0
        rates = prices.rates(usage.prompt_tokens)
        is_long = self._player.plan.profile.cache_ttl == "1h" and call.agent_id == MAIN_AGENT
        return ((rates.cache_write_1h if is_long else rates.cache_write_5m) - rates.cache_read) * 1e-6

    def _is_filling(self, edge: SignalRaised) -> bool:
        """What came of it, by hindsight."""
        later = [
            call
            for call in self._calls
            if call.session_id == edge.session_id and call.agent_id == MAIN_AGENT and call.ended_at > edge.at
        ]
        if any(call.kind == "compaction" for call in later[:_CALLS_LEFT]):
            return True
        known = [self._told(edge, MAIN_AGENT)[-1], *((call, call.usage) for call in later[:_CALLS_LEFT])]
        return any(
            usage is not None and usage.prompt_tokens >= _FULL_RATIO * compacts_at(call.model_requested or "")
            for call, usage in known
        )
