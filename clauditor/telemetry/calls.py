"""Counts what calls took: attempts, tokens, cost, time, and what their prompt cache did."""

from __future__ import annotations

from typing import Final, get_args

from clauditor.model.cache import CacheEvent
from clauditor.model.cache_cause import CacheCause
from clauditor.model.events import AttemptStarted, FailureKind
from clauditor.model.facts import CallFact
from clauditor.model.gauges import writing_speed
from clauditor.model.session import Session
from clauditor.model.usage import TOKEN_CLASSES, Usage
from clauditor.telemetry.families import Families
from clauditor.telemetry.names import UNKNOWN, ModelNames, Names, Pairs

MODELS: Final = 8
PROJECTS: Final = 20
MODELS_AND_PROJECTS: Final = 32
FALLBACKS: Final = 12
OWN_WORDS: Final = 24

# Streams of several minutes are normal, a first token after a minute is not; a call may be retried for a quarter of an hour.
FIRST_TOKEN_BUCKETS: Final = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
TURN_BUCKETS: Final = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
SPEED_BUCKETS: Final = (5, 10, 20, 30, 40, 60, 80, 120, 200, 400)

_TRIGGERS: Final = ("auto", "manual")
_OUTCOMES: Final = ("ok", *get_args(FailureKind))


class CallCounts:
    def __init__(self, families: Families) -> None:
        counter, histogram = families.counter, families.histogram
        self._model = ModelNames(MODELS)
        self._project = Names(PROJECTS)
        self._model_and_project = Pairs(MODELS_AND_PROJECTS)
        self._side_name = Names(OWN_WORDS)
        self._fallback = Pairs(FALLBACKS)
        self._begun: set[tuple[str, str]] = set()
        self._attempts = counter("attempts", "Ended attempts of calls.", "model", "outcome")
        self._turns = counter(
            "turns", "Calls a person would count; retries of one call count once.", "model", "project"
        )
        self._turn_seconds = histogram(
            "turn_duration_seconds",
            "From a call's first request to the end of its answer, retries included.",
            TURN_BUCKETS,
            "model",
        )
        self._first_token = histogram(
            "time_to_first_token_seconds",
            "From the request to the first content.",
            FIRST_TOKEN_BUCKETS,
            "model",
        )
        self._speed = histogram(
            "output_tokens_per_second",
            "Speed of an answer from its first content on.",
            SPEED_BUCKETS,
            "model",
        )
        self._side_calls = counter("side_calls", "Calls the client made for itself.", "name")
        self._compactions = counter("compactions", "Conversations the client summarised.", "model", "trigger")
        self._fallbacks = counter(
            "fallbacks",
            "Calls that another model, or another speed, answered than was asked for.",
            "kind",
            "requested",
            "served",
        )
        self._tokens = counter("tokens", "Tokens of all calls.", "model", "project", "kind")
        self._thinking = counter("thinking_tokens", "Thinking tokens, which are part of the output.", "model")
        self._cost = counter(
            "cost_usd", "List price of what could be priced, in US dollars.", "model", "project"
        )
        self._incomplete = counter("cost_incomplete_calls", "Calls whose price is not wholly known.", "model")
        self._cache_events = counter(
            "cache_events", "Calls by what their prompt cache did.", "model", "event"
        )
        self._rebuilds = counter(
            "cache_rebuilds", "Prompt caches that were written again, by cause.", "cause"
        )
        self._lost_tokens = counter(
            "cache_lost_tokens", "Tokens written again that could have been read.", "model"
        )
        self._lost_usd = counter(
            "cache_lost_usd", "What that cost more than reading them, in US dollars.", "model"
        )
        for cause in get_args(CacheCause):
            self._rebuilds.labels(cause)

    def begin(self, event: AttemptStarted, session: Session | None) -> None:
        """A request was sent: what it will be counted as begins at 0, so that a rate sees the first one too."""
        pair = self._places(self._model(event.model), session)
        if pair in self._begun:
            return
        self._begun.add(pair)
        for family in (self._turns, self._cost):
            family.labels(*pair)
        for kind in TOKEN_CLASSES:
            self._tokens.labels(*pair, kind)
        model = pair[0]
        for family in (self._thinking, self._incomplete, self._lost_tokens, self._lost_usd):
            family.labels(model)
        for histogram in (self._turn_seconds, self._first_token, self._speed):
            histogram.labels(model)
        for outcome in _OUTCOMES:
            self._attempts.labels(model, outcome)
        for trigger in _TRIGGERS:
            self._compactions.labels(model, trigger)
        for cache_event in get_args(CacheEvent):
            self._cache_events.labels(model, cache_event)

    def count(self, fact: CallFact, session: Session | None) -> None:
        """A call, or an attempt of one, ended. `session` is the one it belongs to."""
        model = self._model(fact.model_served or fact.model_requested)
        pair = self._places(model, session)
        match fact.kind:
            case "turn":
                self._count_attempt(fact, model, pair)
                self._count_fallback(fact, session)
            case "side":
                self._side_calls.labels(self._side_name(fact.name)).inc()
            case "compaction":
                self._compactions.labels(model, fact.name if fact.name in _TRIGGERS else UNKNOWN).inc()
        if fact.usage is not None:
            self._count_tokens(fact.usage, model, session)
        if fact.cost_usd is not None:
            self._cost.labels(*pair).inc(fact.cost_usd)
        if not fact.complete:
            self._incomplete.labels(model).inc()
        if fact.cache_event is not None:
            self._cache_events.labels(model, fact.cache_event).inc()
        if (miss := fact.cache_miss) is not None:
            self._rebuilds.labels(miss.cause).inc()
            if not miss.expected:
                self._lost_tokens.labels(model).inc(miss.lost_tokens)
                self._lost_usd.labels(model).inc(miss.cost_usd or 0.0)

    def _count_attempt(self, fact: CallFact, model: str, pair: tuple[str, str]) -> None:
        self._attempts.labels(model, fact.outcome).inc()
        if fact.attempt == 1:
            self._turns.labels(*pair).inc()
        if fact.first_token_at is not None:
            self._first_token.labels(model).observe(max(0.0, fact.first_token_at - fact.started_at))
        if fact.outcome != "ok":
            return
        began_at = fact.started_at if fact.turn_started_at is None else fact.turn_started_at
        self._turn_seconds.labels(model).observe(max(0.0, fact.ended_at - began_at))
        if fact.first_token_at is not None and fact.usage is not None:
            speed = writing_speed(fact.usage.output, fact.ended_at - fact.first_token_at)
            if speed is not None:
                self._speed.labels(model).observe(speed)

    def _count_fallback(self, fact: CallFact, session: Session | None) -> None:
        agent = session.agents.get(fact.agent_id) if session is not None else None
        if fact.outcome != "ok" or agent is None or (fallback := agent.fallback) is None:
            return
        requested, served = fallback.requested, fallback.served
        if fallback.kind != "speed":
            requested, served = self._fallback(self._model(requested), self._model(served))
        self._fallbacks.labels(fallback.kind, requested, served).inc()

    def _count_tokens(self, usage: Usage, model: str, session: Session | None) -> None:
        for name, each in ((model, usage), *((self._model(name), part) for name, part in usage.extra)):
            pair = self._places(name, session)
            for kind in TOKEN_CLASSES:
                self._tokens.labels(*pair, kind).inc(getattr(each, kind))
            self._thinking.labels(name).inc(each.thinking)

    def _places(self, model: str, session: Session | None) -> tuple[str, str]:
        """The labels `model` and `project`."""
        return self._model_and_project(model, self._project(session.project if session is not None else None))
