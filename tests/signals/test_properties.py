"""What holds for signals whatever happens, in whatever order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings

from clauditor import text
from clauditor.hub import Hub
from clauditor.model.events import FAILED_TOOL_OUTCOMES, UNOBSERVED, Event, SignalCleared, SignalRaised
from clauditor.model.facts import CallFact, ToolFact
from clauditor.model.packing import pack
from clauditor.model.session import Session
from clauditor.signals.catalogue import RANKS
from clauditor.signals.edges import findings
from clauditor.signals.finding import SENTENCE_CELLS, SHORT_CELLS, Finding, World
from support.chaos import DIGESTS, EAGER, Run, Step, steps
from support.virtual import PRICES, Pause, Reply, Stage, Text, at_once, bash, perform

_RUNS_OF_HEX = re.compile(r"[0-9a-f]{16}")
few = settings(max_examples=settings().max_examples * 2 // 5)  # an example is a hundred events long


def found_in(run: Run, session: Session) -> dict[str, Finding]:
    """What the signals say of a session right now, asked anew."""

    def broke(_name: str, error: Exception) -> None:
        raise error

    world = World(
        now=run.now, thresholds=EAGER, account=run.hub.accounts.of(session), incident=run.hub.incident
    )
    return findings(session, world, broke)


@few
@given(steps)
def test_raised_and_cleared_alternate_for_each_session_and_name(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        run.take(step)
    raised: dict[tuple[str, str], SignalRaised] = {}
    for edge in run.edges:
        key = (edge.session_id, edge.name)
        if isinstance(edge, SignalRaised):
            assert key not in raised
            raised[key] = edge
        else:
            assert edge.severity == raised.pop(key).severity
    held = {(session_id, name) for session_id, one in run.hub.sessions.items() for name in one.signals}
    assert held == {key for key in raised if key[0] in run.hub.sessions}
    assert run.hub.errors == {}


@few
@given(steps)
def test_what_is_raised_is_what_holds_once_time_was_told_to_pass(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        run.take(step)
    for _ in range(6):  # a whole sweep, and one more for what hangs on other sessions
        run.tick()
    for session in run.hub.sessions.values():
        found = found_in(run, session)
        assert {(name, one.severity) for name, one in found.items()} == {
            (name, one.severity) for name, one in session.signals.items()
        }


@few
@given(steps)
def test_totals_are_the_sum_of_the_facts(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        run.take(step)
    run.tick()
    for session in run.hub.sessions.values():
        facts = run.facts.get(session.session_id, [])
        calls = [fact for fact in facts if isinstance(fact, CallFact)]
        tools = [fact for fact in facts if isinstance(fact, ToolFact)]
        attempts = [fact for fact in calls if fact.kind == "turn"]
        under_way = [call for agent in session.agents.values() for call in agent.open.values()]
        numbers = [fact.attempt for fact in attempts] + [call.attempt for call in under_way]
        failed = [fact for fact in attempts if fact.outcome != "ok" and fact.error_type != UNOBSERVED]
        assert session.attempts == len(numbers)
        assert session.turns == numbers.count(1)
        assert session.failed_attempts == len(failed)
        assert session.asides.count == sum(fact.kind == "side" for fact in calls)
        assert session.tools.calls == sum(fact.returned_at is None for fact in tools)
        assert session.tools.failures == sum(fact.outcome in FAILED_TOOL_OUTCOMES for fact in tools)
        priced = [fact.cost_usd for fact in calls if fact.cost_usd is not None]
        assert session.bill.usd == (sum(priced) if priced else None)
        for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"):
            counted = sum(getattr(fact.usage, name) for fact in calls if fact.usage is not None)
            assert getattr(session.tokens, name) == counted


@few
@given(steps)
def test_the_same_events_give_the_same_state_and_the_same_edges(taken: list[Step]) -> None:
    runs = Run(), Run()
    for run in runs:
        for step in taken:
            run.take(step)
    one, other = runs
    assert one.edges == other.edges
    assert packed(one.hub) == packed(other.hub)


def packed(hub: Hub) -> dict[str, bytes]:
    return {session_id: pack(session) for session_id, session in hub.sessions.items()}


@few
@given(steps)
def test_a_check_changes_nothing_and_says_one_clean_line(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        run.take(step)
        for session in run.hub.sessions.values():
            before = pack(session)
            found = found_in(run, session)
            assert pack(session) == before
            for name, finding in found.items():
                assert name in RANKS
                for line, cells in (
                    (finding.summary, SENTENCE_CELLS),
                    (finding.short, SHORT_CELLS),
                    (finding.next_step, SENTENCE_CELLS),
                ):
                    assert line
                    assert text.clean(line) == line
                    assert text.width(line) <= cells
                    assert len(line) <= 160
                    assert not any(digest[:8] in line for digest in DIGESTS)
                    assert not _RUNS_OF_HEX.search(line)


@few
@given(steps)
def test_attention_follows_the_verdict(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        run.take(step)
    by_level: dict[str, list[int]] = {"ok": [], "watch": [], "act": []}
    for shot in run.hub.snapshots(run.now):
        verdict: dict[str, Any] = shot["verdict"]
        by_level[verdict["level"]].append(shot["attention"])
        severities = [signal["severity"] for signal in shot["signals"]]
        worst = next((level for level in ("act", "watch") if level in severities), "ok")
        assert verdict["level"] == worst
        assert (verdict["signal"] is None) == (worst == "ok")
    assert all(attention > 600 for attention in by_level["act"])
    assert all(400 < attention <= 600 for attention in by_level["watch"])
    assert all(attention <= 400 for attention in by_level["ok"])
    ordered = [shot["attention"] for shot in run.hub.snapshots(run.now)]
    assert ordered == sorted(ordered, reverse=True)


def test_a_whole_play_told_again_to_another_hub_ends_the_same() -> None:
    async def story(stage: Stage) -> None:
        act, other = stage.act(), stage.act(hooks=True)
        act.will_answer(*[at_once(bash())] * 5, Reply.failure(529), at_once(Text("a"), Pause(130), Text("b")))
        other.will_answer(at_once(bash()), at_once())
        other.approvals["Bash"] = 60
        stage.begin(other.prompt("go"))
        await act.prompt("go [[tokens:150000]]")
        stage.set_clock(3600)
        await stage.wait(400)

    played = perform(story)
    told = Told(played.log)
    assert {edge.name for edge in told.edges} >= {
        "tool_loop",
        "retrying",
        "stalled",
        "needs_answer",
        "cache_expiring",
    }
    assert told.edges == played.edges
    assert packed(told.hub) == packed(played.hub)


class Told:
    """A hub that was told a play's log."""

    def __init__(self, log: Iterable[Event | float]) -> None:
        self.edges: list[SignalRaised | SignalCleared] = []
        self.hub = Hub(book=PRICES, sinks=(self,))
        for entry in log:
            if isinstance(entry, Event):
                self.hub.publish(entry)
            else:
                self.hub.tick(entry)

    def observe(self, event: Event, _session: Any, _facts: Any) -> None:
        if isinstance(event, SignalRaised | SignalCleared):
            self.edges.append(event)


def test_the_chaos_reaches_most_signals() -> None:
    """The properties above would hold of a hub that says nothing."""
    seen: set[str] = set()

    @settings(few, derandomize=True, database=None)  # what chance reaches must not decide
    @given(steps)
    def play(taken: list[Step]) -> None:
        run = Run()
        for step in taken:
            run.take(step)
        seen.update(edge.name for edge in run.edges)

    play()
    assert len(seen) >= 12, sorted(set(RANKS) - seen)
