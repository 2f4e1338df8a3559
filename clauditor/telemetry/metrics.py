"""Prometheus metrics: a sink that counts, and figures read from other parts at each scrape.

Sources: Prometheus' naming and histogram guides, exposition format 1.0.0. Each family stands in
docs/metrics.md. Labels hold words from closed lists, never ids; anything else is `other`.
"""

from __future__ import annotations

import re
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clauditor.model.events import FAILED_TOOL_OUTCOMES, Event, GapFound, Malformed, SignalRaised
from clauditor.model.facts import CallFact, Fact, ToolFact
from clauditor.model.models import MODELS, canonical
from clauditor.model.session import Session
from clauditor.model.usage import TOKEN_CLASSES

OTHER: Final = "other"
CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST

# Built-in tools of Claude Code, past and present (2.1.330). Everything else is the user's or a server's.
KNOWN_TOOLS: Final = frozenset(
    (
        *("Agent", "AskUserQuestion", "Bash", "BashOutput", "Edit", "EnterPlanMode", "ExitPlanMode", "Glob"),
        *("Grep", "KillShell", "LS", "ListAgents", "MultiEdit", "NotebookEdit", "Read", "ReportFindings"),
        *("ScheduleWakeup", "Skill", "SlashCommand", "SubagentHandback", "Task", "TaskCreate", "TaskOutput"),
        *("TaskStop", "TaskUpdate", "TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "Workflow", "Write"),
    )
)

# Streams of several minutes are normal, a first token after a minute is not; a tool may run for an hour.
FIRST_TOKEN_BUCKETS: Final = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
CALL_BUCKETS: Final = (1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
TOOL_BUCKETS: Final = (0.05, 0.2, 1, 5, 20, 60, 180, 600, 1800, 3600)

# Read at each scrape: family -> (type, label or None, help). `watch` says from where.
WATCHED: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "clauditor_sessions": ("gauge", "state", "Live sessions by what they are doing."),
    "clauditor_verdicts": ("gauge", "level", "Live sessions by their verdict."),
    "clauditor_signals": ("gauge", "signal", "Live sessions for which a signal holds."),
    "clauditor_hooks": ("counter", "fate", "Hooks and status lines of clients that were posted to us."),
    "clauditor_alerts": ("counter", "fate", "Alerts that were delivered, failed, or had to be dropped."),
    "clauditor_internal_errors": ("counter", "part", "Errors of our own that were caught, by part."),
    "clauditor_edge_exchanges": ("counter", None, "HTTP exchanges that Envoy copied to us."),
    "clauditor_edge_open_exchanges": ("gauge", None, "Exchanges under way."),
    "clauditor_edge_bytes": ("counter", "direction", "Body bytes copied to us, still encoded."),
    "clauditor_edge_cut_short": ("counter", None, "Copies that stopped before the exchange ended."),
    "clauditor_edge_waiting_bytes": ("gauge", None, "Copied bytes that were not looked at yet."),
    "clauditor_edge_overflows": (
        "counter",
        "limit",
        "Exchanges no longer observed because too much of them waited.",
    ),
    "clauditor_edge_overflow_bytes": ("counter", None, "Copied bytes that were dropped for that reason."),
    "clauditor_access_log_lines": ("counter", "kind", "Lines of Envoy's access log by what they were."),
    "clauditor_access_log_files": ("counter", "fate", "Files of the access log put aside, or lost unread."),
    "clauditor_access_log_errors": ("counter", None, "Failed attempts to keep the place in the log."),
    "clauditor_joined_exchanges": (
        "counter",
        "fate",
        "Calls in Envoy's access log by whether their copy was seen.",
    ),
    "clauditor_envoy_up": ("gauge", None, "Whether Envoy's admin interface answered just now."),
    "clauditor_envoy_events": ("counter", "event", "What Envoy itself counted since its start."),
    "clauditor_envoy_connections": ("gauge", "peer", "Envoy's open connections."),
    "clauditor_store_rows": ("counter", None, "Rows written to the history."),
    "clauditor_store_rows_dropped": ("counter", None, "Rows lost: the history could not take them."),
    "clauditor_store_rows_expired": ("counter", None, "Rows removed because they were past their time."),
    "clauditor_store_errors": ("counter", None, "Failed attempts to open or write the history."),
    "clauditor_store_quarantined": ("counter", None, "Broken history files moved aside."),
    "clauditor_feed_subscribers": ("gauge", None, "Readers of the live stream."),
    "clauditor_feed_overflows": (
        "counter",
        None,
        "Times a slow reader was started anew with a full snapshot.",
    ),
    "clauditor_feed_events_dropped": (
        "counter",
        None,
        "Events not sent to readers because too many came at once.",
    ),
}

Reading = float | Mapping[str, float]

_WORD = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Words:
    """Label values of a kind we name ourselves, held to a number in case one ever comes from outside."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def __call__(self, word: str | None) -> str:
        if word is None:
            return "unknown"
        if word not in self._seen:
            if len(self._seen) >= self._limit or not _WORD.fullmatch(word):
                return OTHER
            self._seen.add(word)
        return word


class Metrics:
    """Counts what the hub tells. Models of the catalogue stand in labels by their canonical id."""

    def __init__(self, *, version: str) -> None:
        # A second series for each counter, which nobody asked for.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library is untyped here
        self.registry = CollectorRegistry(auto_describe=False)
        self._reasons, self._places, self._side_names = Words(32), Words(32), Words(32)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace="clauditor", registry=self.registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(
                name, text, labels, namespace="clauditor", buckets=buckets, registry=self.registry
            )

        build = Gauge(
            "build_info",
            "Always 1; the version is in the label.",
            ["version"],
            namespace="clauditor",
            registry=self.registry,
        )
        build.labels(version).set(1)
        self._attempts = counter("attempts", "Ended attempts of calls.", "model", "outcome")
        self._turns = counter("turns", "Calls a person would count; retries of one call count once.", "model")
        self._side_calls = counter("side_calls", "Calls the client made for itself.", "name")
        self._compactions = counter("compactions", "Conversations the client summarised.", "model")
        self._tokens = counter("tokens", "Tokens of all calls.", "model", "kind")
        self._thinking = counter("thinking_tokens", "Thinking tokens, which are part of the output.", "model")
        self._cost = counter("cost_usd", "List price of what could be priced, in US dollars.", "model")
        self._incomplete = counter("cost_incomplete_calls", "Calls whose price is not wholly known.", "model")
        self._first_token = histogram(
            "time_to_first_token_seconds",
            "From the request to the first content.",
            FIRST_TOKEN_BUCKETS,
            "model",
        )
        self._call_seconds = histogram(
            "call_duration_seconds", "From the request to the end of the answer.", CALL_BUCKETS, "model"
        )
        self._tool_calls = counter("tool_calls", "Tools the model asked for.", "tool")
        self._tool_failures = counter("tool_failures", "Tool calls that did not succeed.", "tool", "outcome")
        self._tool_seconds = histogram(
            "tool_duration_seconds", "From a tool's call to its result.", TOOL_BUCKETS, "tool"
        )
        self._raised = counter("signals_raised", "Signals that began to hold.", "signal", "severity")
        self._cache_events = counter("cache_events", "Calls by what their prompt cache did.", "event")
        self._rebuilds = counter(
            "cache_rebuilds", "Prompt caches that were written again, by cause.", "cause"
        )
        self._lost_tokens = counter("cache_lost_tokens", "Tokens written again that could have been read.")
        self._lost_usd = counter("cache_lost_usd", "What that cost more than reading them, in US dollars.")
        self._gaps = counter("gaps", "Exchanges of which something was not seen.", "reason")
        self._gap_bytes = counter("gap_bytes", "Bytes that passed unseen.")
        self._malformed = counter("malformed", "Input that made no sense where it was read.", "place")
        self._errors: Counts[str] = Counts()
        self._readings = _Readings()
        self.watch("clauditor_internal_errors", lambda: self._errors)
        self.registry.register(self._readings)
        self._fetches: list[Callable[[], Awaitable[None]]] = []

    def watch(self, family: str, read: Callable[[], Reading]) -> None:
        """Read `family` (one of WATCHED) at each scrape: a number, or numbers by label value.

        Several readings of one family add up. Raises KeyError for a family that is not documented.
        """
        self._readings.sources[family].append(read)

    def fetch(self, fetch: Callable[[], Awaitable[None]]) -> None:
        """Await `fetch` before each scrape: what is read then comes from another program."""
        self._fetches.append(fetch)

    def internal_error(self, part: str) -> None:
        """An error of our own was caught; `part` is one constant word."""
        self._errors[part] += 1

    async def scrape(self) -> bytes:
        """Every family in the text format (`CONTENT_TYPE`), with what other programs say now."""
        for fetch in self._fetches:
            await fetch()
        return self.render()

    def render(self) -> bytes:
        """Every family as it is known."""
        return prometheus_client.generate_latest(self.registry)

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:  # noqa: ARG002
        match event:
            case GapFound():
                self._gaps.labels(self._reasons(event.reason)).inc()
                self._gap_bytes.inc(event.unseen_bytes)
            case SignalRaised():
                self._raised.labels(event.name, event.severity).inc()
            case Malformed():
                self._malformed.labels(self._places(event.where)).inc()
            case _:
                pass
        for fact in facts:
            match fact:
                case CallFact():
                    self._count_call(fact)
                case ToolFact():
                    self._count_tool(fact)

    def _count_call(self, fact: CallFact) -> None:
        model = self._model(fact.model_served or fact.model_requested)
        match fact.kind:
            case "turn":
                self._attempts.labels(model, fact.outcome).inc()
                if fact.attempt == 1:
                    self._turns.labels(model).inc()
                self._call_seconds.labels(model).observe(max(0.0, fact.ended_at - fact.started_at))
                if fact.first_token_at is not None:
                    self._first_token.labels(model).observe(max(0.0, fact.first_token_at - fact.started_at))
            case "side":
                self._side_calls.labels(self._side_names(fact.name)).inc()
            case "compaction":
                self._compactions.labels(model).inc()
        if fact.usage is not None:
            for name, usage in ((model, fact.usage), *((self._model(m), u) for m, u in fact.usage.extra)):
                for kind in TOKEN_CLASSES:
                    self._tokens.labels(name, kind).inc(getattr(usage, kind))
                self._thinking.labels(name).inc(usage.thinking)
        if fact.cost_usd is not None:
            self._cost.labels(model).inc(fact.cost_usd)
        if not fact.complete:
            self._incomplete.labels(model).inc()
        if fact.cache_event is not None:
            self._cache_events.labels(fact.cache_event).inc()
        if (miss := fact.cache_miss) is not None:
            self._rebuilds.labels(miss.cause).inc()
            if not miss.expected:
                self._lost_tokens.inc(miss.lost_tokens)
                self._lost_usd.inc(miss.cost_usd or 0.0)

    def _count_tool(self, fact: ToolFact) -> None:
        tool = fact.name if fact.name in KNOWN_TOOLS else "mcp" if fact.name.startswith("mcp__") else OTHER
        if fact.outcome is None:
            self._tool_calls.labels(tool).inc()
            return
        if fact.outcome in FAILED_TOOL_OUTCOMES:
            self._tool_failures.labels(tool, fact.outcome).inc()
        if fact.duration_seconds is not None:
            self._tool_seconds.labels(tool).observe(max(0.0, fact.duration_seconds))

    def _model(self, name: str | None) -> str:
        if name is None:
            return "unknown"
        known = canonical(name)
        return known if known in MODELS else OTHER


class _Readings(Collector):
    """Turns what was watched into families; one that nobody feeds still shows its HELP and TYPE."""

    def __init__(self) -> None:
        self.sources: dict[str, list[Callable[[], Reading]]] = {name: [] for name in WATCHED}

    def collect(self) -> Iterator[Metric]:
        for name, (kind, label, text) in WATCHED.items():
            family_type = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
            family = family_type(name, text, labels=[label] if label else None)
            figures: Counts[str] = Counts()
            for read in self.sources[name]:
                reading = read()
                figures.update(reading if isinstance(reading, Mapping) else {"": reading})
            for value, number in figures.items():
                family.add_metric([value] if label else [], number)
            yield family
