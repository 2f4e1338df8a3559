"""Random event sequences for a hub: calls and tools as they go, and between them anything in any order, with names
as hostile as they come.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from hypothesis import strategies as st

from clauditor.hub import Hub
from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ClockJumped,
    Compacted,
    Event,
    FirstToken,
    GapFound,
    HookSeen,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    Progress,
    ResponseStarted,
    SessionEnded,
    SessionMuted,
    SideCallFinished,
    SignalCleared,
    SignalRaised,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.facts import Fact
from clauditor.model.packing import pack, unpack
from clauditor.model.prices import PriceList, Rates
from clauditor.model.session import Session
from clauditor.model.usage import Usage
from clauditor.signals.thresholds import Thresholds

BEGAN_AT: Final = 1_790_000_000.0
EAGER: Final = Thresholds(
    your_turn_work_seconds=1, loop_calls=2, failures_in_a_row=2, failures_results=2, budget_calls=1,
    slow_factor=1.1, slow_seconds=1, session_usd=0.01, hour_usd=0.01, api_errors=1, limit_ratio=0.5,
    compaction_loop_calls=3, compact_calls=1000, thrash_rebuilds=1, expiring_usd=0.01, command_seconds=30,
)  # fmt: skip
"""Every signal is on, and holds soon."""
DIGESTS: Final = tuple(f"{number}" * 32 for number in "abc")


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes, and the hub is told."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The sidecar ends and starts again."""


Step = tuple[float, Event | Tick | Restart]
"""Seconds since the step before, and what happens."""

_session = st.sampled_from(["s", "s", "s", "t"])
_agent = st.sampled_from(["main", "main", "a1"])
_exchange = st.sampled_from(["x1", "x2", "x3"])
_tool_id = st.sampled_from(["t1", "t2", "t3"])
_digest = st.sampled_from(DIGESTS)
_known = ["Bash", "Bash", "Edit", "AskUserQuestion", "mcp__jira__search"]
_name = st.one_of(st.sampled_from(_known), st.sampled_from(_known), st.text(max_size=60))
_models = ["claude-opus-5-5", "claude-opus-5-5", "claude-haiku-4-5", "unpriced"]
_model = st.one_of(st.sampled_from(_models), st.sampled_from(_models), st.text(max_size=60))
_tokens = st.sampled_from([0, 0, 10, 1_900, 40_000, 160_000, 400_000, 10**9])
_usage = st.none() | st.builds(
    Usage,
    input=_tokens, output=_tokens, cache_read=_tokens, cache_write_5m=_tokens, cache_write_1h=_tokens,
    speed=st.sampled_from([None, "fast", "standard"]),
)  # fmt: skip
_ratio = st.sampled_from([None, 0.0, 0.3, 0.49, 0.9, 1.2, 1e6])


def _of(event: type[Event], /, **fields: Any) -> st.SearchStrategy[Any]:
    given: dict[str, Any] = {"session_id": _session, "agent_id": _agent, "exchange_id": _exchange, **fields}
    return st.builds(event, at=st.just(0.0), **given)


_window = st.builds(
    LimitWindow,
    name=st.sampled_from(["five_hour", "seven_day_overage_included", "overage"]) | st.text(max_size=40),
    used_ratio=_ratio,
    resets_at=st.sampled_from([None, BEGAN_AT + 3600, BEGAN_AT + 1e6]),
    status=st.sampled_from([None, "allowed", "rejected"]),
)
_start = _of(
    AttemptStarted,
    identity=st.just("header"),
    request_class=st.sampled_from(["main", "subagent"]),
    model=_model,
    messages_digest=_digest,
    agent_type=_name,
    prompt_id=st.sampled_from([None, "p1", "p2"]),
    new_prompt=st.booleans(),
    message_count=st.integers(0, 5),
    stream=st.booleans(),
    cache_ttl_seconds=st.sampled_from([None, 300, 3600]),
    entrypoint=st.sampled_from(["cli", "cli", "sdk-cli"]),
)
_end = _of(
    AttemptFinished,
    model=_model,
    usage=_usage,
    stop_reason=st.sampled_from(["end_turn", "tool_use", "refusal", "max_tokens"]),
)
_call = _of(
    ToolCalled,
    tool_use_id=_tool_id,
    name=_name,
    target=st.none() | st.text(max_size=60),
    input_digest=_digest,
)
_result = _of(
    ToolReturned,
    tool_use_id=_tool_id,
    outcome=st.sampled_from(["ok", "error", "rejected"]),
    result_digest=_digest,
)
_compaction = _of(
    Compacted,
    model=_model,
    started_at=st.just(BEGAN_AT),
    trigger=st.sampled_from(["auto", "auto", "manual", None]),
    usage=_usage,
    complete=st.sampled_from([True, True, False]),
)
_limits = _of(
    LimitsSeen,
    account=st.just("acct"),
    billing=st.sampled_from(["plan", "plan", "api"]),
    windows=st.lists(_window, max_size=3).map(tuple),
)
_event = st.one_of(
    _start, _start, _end, _end, _call, _call, _result, _result,
    _of(ResponseStarted, status=st.sampled_from([200, 529]), account=st.just("acct")),
    _of(FirstToken, model=_model, usage=_usage),
    _of(Progress),
    _of(AttemptFailed, kind=st.sampled_from(["http", "stream", "aborted", "proxy"]),
        status=st.sampled_from([None, 200, 429, 529, 400]), model=st.none() | _model, usage=_usage),
    _of(SideCallFinished, name=st.just("title"), started_at=st.just(BEGAN_AT), model=_model, usage=_usage),
    _compaction,
    _of(LabelFound, label=st.text(max_size=20)),
    _limits,
    _of(HookSeen, hook=st.sampled_from(["PermissionRequest", "PostToolUse", "Stop", "StatusLine", "Notification"]),
        tool_name=st.none() | _name, notice=st.sampled_from([None, "permission_prompt"])),
    _of(GapFound, reason=st.just("restart"), unseen_bytes=st.integers(0, 9)),
    _of(SessionEnded, reason=st.just("hook")),
    _of(SessionMuted, until=st.sampled_from([None, BEGAN_AT + 3600])),
    st.builds(ClockJumped, at=st.just(0.0), session_id=st.just(""), seconds=st.sampled_from([-7200.0, 5.0, 3600.0])),
)  # fmt: skip
_passed = st.sampled_from([0.0, 0.1, 0.1, 1.0, 1.0, 3.0, 6.0, 12.0, 61.0, 130.0])
_anything = st.tuples(
    _passed | st.sampled_from([240.0, 700.0, 4000.0]),
    st.one_of(_event, _event, st.just(Tick()), st.just(Restart())),
)


@st.composite
def _whole_call(draw: st.DrawFn) -> list[Step]:
    """A call from its start to its end, with the tools that it asked for and their results."""
    session_id = draw(_session)
    agent_id = draw(_agent)
    common: dict[str, Any] = {"session_id": session_id, "agent_id": agent_id, "exchange_id": draw(_exchange)}
    start = replace(draw(_start), **common)
    assert isinstance(start, AttemptStarted)
    taken: list[Step] = []
    for status in draw(st.lists(st.sampled_from([429, 529, None]), max_size=2)):
        failure = AttemptFailed(at=0.0, kind="http" if status else "stream", status=status, **common)
        taken += [(draw(_passed), start), (draw(_passed), failure), (draw(_passed), Tick())]
    model = draw(st.sampled_from([start.model, start.model, "claude-sonnet-5-5"]))
    usage = draw(_usage)
    taken += [
        (draw(_passed), start),
        (draw(_passed), ResponseStarted(at=0.0, status=200, account="acct", **common)),
        (0.0, draw(_limits)),
        (draw(_passed), FirstToken(at=0.0, model=model, usage=usage, **common)),
        (draw(_passed), Tick()),
    ]
    called = [replace(call, **common) for call in draw(st.lists(_call, max_size=2))]
    taken += [(0.0, call) for call in called]
    taken.append((draw(_passed), replace(draw(_end), model=model, usage=usage, **common)))
    for call in called:
        result = draw(_result)
        taken.append((draw(_passed), replace(result, tool_use_id=call.tool_use_id, **common)))
    if draw(st.sampled_from([False, False, True])):
        taken.append((draw(_passed), replace(draw(_compaction), session_id=session_id)))
    taken.append((draw(_passed), Tick()))
    return taken


steps = st.lists(st.one_of(_whole_call(), _anything.map(lambda step: [step])), max_size=16).map(
    lambda parts: [step for part in parts for step in part]
)


class Prices:
    """What is written to the cache costs more than what is read from it; one model has no price."""

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:
        if model == "unpriced":
            return None
        return PriceList(base=Rates(input=4, output=20, cache_read=0.25, cache_write_5m=5, cache_write_1h=8))


@dataclass
class Run:
    """A hub that is given steps, and what it said. `facts` are of the sessions in memory."""

    hub: Hub = field(init=False)
    now: float = BEGAN_AT
    edges: list[SignalRaised | SignalCleared] = field(default_factory=list)
    facts: dict[str, list[Fact]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub = self._new_hub()

    def observe(self, event: Event, session: Session | None, facts: Any) -> None:
        if isinstance(event, SignalRaised | SignalCleared):
            self.edges.append(event)
        if session is not None:
            self.facts.setdefault(session.session_id, []).extend(facts)

    def take(self, step: Step) -> None:
        passed, what = step
        self.now += passed
        match what:
            case Tick():
                self.tick()
            case Restart():
                kept = [unpack(pack(session)) for session in self.hub.sessions.values()]
                self.hub = self._new_hub()
                self.hub.restore(kept, self.now)
            case ClockJumped():
                self.now += what.seconds
                self.hub.publish(replace(what, at=self.now))
            case _:
                self.hub.publish(replace(what, at=self.now))

    def tick(self) -> None:
        self.hub.tick(self.now)
        for session_id in set(self.facts) - set(self.hub.sessions):
            del self.facts[session_id]

    def _new_hub(self) -> Hub:
        return Hub(book=Prices(), sinks=(self,), thresholds=EAGER)
