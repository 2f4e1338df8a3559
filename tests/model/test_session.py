"""How sessions fold events: turns and attempts, states, tools, dials, and what survives packing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.call import Tokens
from clauditor.model.events import (
    ClockJumped,
    Compacted,
    GapFound,
    ResponseStarted,
    SessionEnded,
    SideCallFinished,
    ToolCalled,
)
from clauditor.model.facts import CallFact, ToolFact
from clauditor.model.packing import pack, unpack
from clauditor.model.snapshot import session_snapshot
from clauditor.model.state import session_state
from clauditor.model.usage import Usage
from support.story import MODEL, FlatBook, Story


def shot(story: Story, after: float = 0.0) -> dict[str, Any]:
    return session_snapshot(story.session, story.now + after)


def test_a_call_goes_from_thinking_over_streaming_to_waiting_for_a_prompt() -> None:
    story = Story()
    call = story.ask()
    assert session_state(story.session, story.now)[:3] == ("thinking", None, 1.0)
    story.respond(call)
    assert session_state(story.session, story.now)[:3] == ("streaming", None, 2.0)
    story.finish(call)
    assert session_state(story.session, story.now)[:3] == ("waiting", "prompt", 3.0)
    assert shot(story, after=901)["state"] == "idle"


def test_retries_of_the_same_messages_are_attempts_of_one_turn() -> None:
    story = Story()
    story.fail(story.ask("d"), kind="http", status=529)
    assert shot(story)["state"] == "retrying"
    assert shot(story)["retry"] == {"attempt": 2, "status": 529, "limited_by": None}
    again = story.ask("d")
    assert shot(story)["retry"] == {"attempt": 2, "status": 529, "limited_by": None}
    assert shot(story)["state"] == "retrying"
    story.respond(again)
    story.finish(again)
    taken = shot(story)
    assert (taken["turns"], taken["attempts"], taken["failed_attempts"]) == (1, 2, 1)
    assert taken["retry"] is None
    facts = [fact for fact in story.facts if isinstance(fact, CallFact)]
    assert [(fact.turn_id, fact.attempt, fact.outcome) for fact in facts] == [
        ("x1", 1, "http"),
        ("x1", 2, "ok"),
    ]


def test_a_retry_counts_for_its_turn_even_if_the_abort_before_it_is_seen_late() -> None:
    story = Story()
    first = story.ask("d")
    second = story.ask("d")
    story.fail(first, kind="aborted")
    story.finish(second)
    assert (story.session.turns, story.session.attempts, story.session.failed_attempts) == (1, 2, 1)


def test_the_same_messages_after_an_answer_are_a_new_turn() -> None:
    story = Story()
    story.finish(story.ask("d"))
    story.finish(story.ask("d"))
    assert story.session.turns == 2


def test_the_same_messages_after_a_quarter_of_an_hour_are_a_new_turn() -> None:
    story = Story()
    story.fail(story.ask("d"), kind="http", status=529)
    story.finish(story.ask("d", seconds=901))
    assert story.session.turns == 2


def test_retrying_ends_after_a_minute_of_silence() -> None:
    story = Story()
    story.fail(story.ask(), kind="http", status=529)
    assert shot(story, after=59)["state"] == "retrying"
    assert shot(story, after=61)["state"] == "waiting"


@pytest.mark.parametrize("failure", [{"kind": "http", "status": 400}, {"kind": "aborted"}])
def test_what_the_client_does_not_retry_waits_for_a_person(failure: dict[str, Any]) -> None:
    story = Story()
    story.fail(story.ask(), **failure)
    assert shot(story)["waiting_for"] == "prompt"


def test_a_tool_runs_until_its_result_arrives() -> None:
    story = Story()
    call = story.ask()
    story.respond(call)
    story.call_tool("t1", call)
    story.finish(call, stop_reason="tool_use")
    assert session_state(story.session, story.now)[:3] == ("tool", None, 2.0)
    assert shot(story)["tools"]["running"][0]["name"] == "Bash"
    story.return_tool("t1", outcome="error", seconds=5, duration_seconds=1.5)
    assert shot(story)["tools"]["by_name"] == {"Bash": {"calls": 1, "failures": 1}}
    called, returned = (fact for fact in story.facts if isinstance(fact, ToolFact))
    assert called.outcome is None
    assert (returned.outcome, returned.duration_seconds, returned.waited_seconds) == ("error", 1.5, 4.5)


@pytest.mark.parametrize(("tool", "kind"), [("AskUserQuestion", "question"), ("ExitPlanMode", "approval")])
def test_a_dialog_tool_is_a_wait_for_the_person(tool: str, kind: str) -> None:
    story = Story()
    call = story.ask()
    story.call_tool("t1", call, name=tool)
    story.finish(call, stop_reason="tool_use")
    assert shot(story)["state"] == "waiting"
    assert shot(story)["waiting_for"] == kind
    assert shot(story)["attention"] > 300


def test_results_that_never_come_do_not_run_for_ever() -> None:
    story = Story()
    call = story.ask()
    story.call_tool("t1", call)
    story.finish(call, stop_reason="tool_use")
    story.finish(story.ask(message_count=3))
    assert shot(story)["tools"]["running"] == []
    assert shot(story)["state"] == "waiting"


def test_a_tool_goes_on_while_another_call_of_the_thread_ends() -> None:
    story = Story()
    call = story.ask(message_count=5)
    story.call_tool("t1", call)
    story.finish(call, stop_reason="tool_use")
    story.finish(story.ask(message_count=1))
    assert shot(story)["state"] == "tool"


def test_calls_side_by_side_are_retried_each_for_itself() -> None:
    story = Story()
    first, second = story.ask("d1"), story.ask("d2")
    story.fail(first, kind="http", status=529)
    story.finish(second)
    again = story.ask("d1")
    assert shot(story)["state"] == "retrying"
    story.finish(again)
    assert (story.session.turns, story.session.attempts, story.session.failed_attempts) == (2, 3, 1)


def test_an_answer_that_tells_no_usage_leaves_the_cost_incomplete() -> None:
    story = Story()
    call = story.ask()
    story.finish(call, None)
    assert not shot(story)["cost_complete"]
    assert shot(story)["cost_usd"] is None


def test_the_answers_organisation_stays_the_account() -> None:
    story = Story()
    call = story.ask(account="by user")
    story.apply(
        ResponseStarted(at=2.0, session_id="s", exchange_id=call, status=200, account="by organisation")
    )
    story.ask(account="by user")
    assert shot(story)["account"] == "by organisation"


def test_an_answer_in_one_heap_tells_no_speed() -> None:
    story = Story()
    call = story.ask()
    story.respond(call)
    story.finish(call, Usage(output=500), seconds=0.001)
    assert shot(story)["rate"]["output_tokens_per_second"] is None
    call = story.ask()
    story.respond(call)
    story.finish(call, Usage(output=500), seconds=10)
    assert shot(story)["rate"]["output_tokens_per_second"] == pytest.approx(50)


def test_a_session_of_agents_alone_waits_when_they_are_done() -> None:
    story = Story()
    story.finish(story.ask(agent="a1"), agent="a1")
    assert shot(story)["state"] == "waiting"
    assert shot(story, after=901)["state"] == "idle"


def test_background_agents_keep_a_session_alive() -> None:
    story = Story()
    story.finish(story.ask())
    story.ask(agent="a1", agent_type="Explore")
    assert session_state(story.session, story.now)[:3] == ("waiting", "background", story.now)
    tree = {agent["agent_id"]: agent for agent in shot(story)["agents"]}
    assert tree["a1"]["type"] == "Explore"
    assert tree["a1"]["parent_agent_id"] == "main"


def test_totals_cover_the_main_thread_agents_side_calls_and_compactions() -> None:
    story = Story()
    story.finish(story.ask(), Usage(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5))
    story.finish(story.ask(agent="a1"), Usage(input=10, output=20, thinking=7), agent="a1")
    side = Usage(input=100)
    story.apply(SideCallFinished(at=9, session_id="s", name="title", started_at=8, model=MODEL, usage=side))
    story.apply(Compacted(at=10, session_id="s", model=MODEL, started_at=9, usage=Usage(output=1000)))
    taken = shot(story)
    assert taken["tokens"] == {
        "input": 111,
        "output": 1022,
        "cache_read": 3,
        "cache_write_5m": 4,
        "cache_write_1h": 5,
        "thinking": 7,
    }
    assert taken["cost_usd"] == pytest.approx(1145e-6)
    assert taken["cost_complete"]
    assert (taken["turns"], taken["side_calls"], taken["context"]["compactions"]) == (2, 1, 1)


def test_an_unpriced_model_leaves_the_priced_part_and_marks_the_total() -> None:
    story = Story()
    story.finish(story.ask(), Usage(input=1), model="unpriced")
    assert shot(story)["cost_usd"] is None
    assert not shot(story)["cost_complete"]
    story.finish(story.ask(), Usage(input=5))
    assert shot(story)["cost_usd"] == pytest.approx(5e-6)
    assert not shot(story)["cost_complete"]


def test_an_error_status_costs_nothing_but_a_broken_answer_makes_the_cost_incomplete() -> None:
    story = Story()
    story.fail(story.ask(), kind="http", status=529)
    assert shot(story)["cost_complete"]
    story.fail(story.ask(), kind="aborted", usage=Usage(input=7, output=1))
    assert shot(story)["tokens"]["input"] == 7
    assert not shot(story)["cost_complete"]


@pytest.mark.parametrize(
    ("event", "is_known"),
    [
        (Compacted(at=3, session_id="s", model=MODEL, started_at=2, complete=False, status=529), True),
        (Compacted(at=3, session_id="s", model=MODEL, started_at=2, complete=False, status=200), False),
        (SideCallFinished(at=3, session_id="s", name="title", started_at=2, complete=False), False),
        (SideCallFinished(at=3, session_id="s", name="count_tokens", started_at=2, complete=False), True),
    ],
)
def test_a_side_call_that_broke_without_counts_leaves_the_cost_incomplete(
    event: Compacted | SideCallFinished, is_known: bool
) -> None:
    story = Story()
    story.apply(event)
    assert story.session.bill.complete is is_known


def test_context_is_the_main_threads_prompt_and_its_pace_tells_when_it_compacts() -> None:
    story = Story()
    for size in (100_000, 110_000, 121_000, 131_000):
        story.finish(story.ask(), Usage(input=10, cache_read=size - 10))
    story.finish(story.ask(agent="a1"), Usage(input=900_000), agent="a1")
    context = shot(story)["context"]
    assert (context["tokens"], context["window"], context["compact_at_tokens"]) == (
        131_000,
        1_000_000,
        967_000,
    )
    assert context["turns_to_compact"] == 84
    assert context["history"] == [0.1, 0.11, 0.121, 0.131]


def test_an_unknown_model_has_no_window() -> None:
    story = Story()
    story.finish(story.ask(model="mystery"), model="mystery")
    assert shot(story)["context"]["window"] is None
    assert shot(story)["context"]["used_ratio"] is None


def test_the_cache_counts_down_from_the_start_of_the_response() -> None:
    story = Story()
    call = story.ask()
    story.respond(call)
    story.finish(call, Usage(input=1, cache_read=97, cache_write_1h=2), seconds=50)
    cache = shot(story)["cache"]
    assert (cache["state"], cache["ttl_seconds"], cache["expires_at"]) == ("warm", 3600, 2.0 + 3600)
    assert cache["hit_ratio"] == pytest.approx(0.97)
    assert shot(story, after=3600)["cache"]["state"] == "cold"


def test_prompts_are_counted_by_id_or_by_what_a_person_typed() -> None:
    story = Story()
    story.finish(story.ask(new_prompt=True))
    story.finish(story.ask(new_prompt=False))
    story.finish(story.ask(agent="a1", new_prompt=True), agent="a1")
    assert story.session.prompts == 1
    hinted = Story()
    for prompt_id in ("p1", "p1", "p2"):
        hinted.finish(hinted.ask(prompt_id=prompt_id, new_prompt=True))
    hinted.finish(hinted.ask(new_prompt=True))
    hinted.finish(hinted.ask(prompt_id="woken", is_wake_up=True))
    hinted.finish(hinted.ask(prompt_id="woken", agent="a1"), agent="a1")
    assert hinted.session.prompts == 2


def test_a_gap_makes_totals_incomplete_and_an_end_is_an_end_until_activity() -> None:
    story = Story()
    story.finish(story.ask())
    story.apply(GapFound(at=story.now, session_id="s", reason="missing", unseen_bytes=12))
    assert shot(story)["unobserved"] == {"exchanges": 1, "bytes": 12}
    assert not shot(story)["cost_complete"]
    story.apply(SessionEnded(at=story.now, session_id="s", reason="hook"))
    assert shot(story)["state"] == "ended"
    story.ask()
    assert shot(story)["state"] == "thinking"


def test_a_clock_jump_moves_open_points_but_no_duration() -> None:
    story = Story()
    call = story.ask()
    story.apply(ClockJumped(at=story.now, session_id="", seconds=3600))
    story.now += 3600
    story.respond(call)
    story.finish(call)
    assert shot(story)["rate"]["ttft_seconds"] == pytest.approx(1.0)


def test_the_usual_first_token_is_the_median_of_the_calls_before_once_there_are_five() -> None:
    story = Story()
    for number, seconds in enumerate((2.0, 4.0, 3.0, 9.0, 1.0, 7.0)):
        assert shot(story)["rate"]["usual_ttft_seconds"] is None, number
        call = story.ask()
        story.respond(call, seconds=seconds)
        story.finish(call)
    rate = shot(story)["rate"]
    assert (rate["ttft_seconds"], rate["usual_ttft_seconds"]) == (7.0, 3.0)


def test_an_agent_is_linked_to_the_call_that_started_it() -> None:
    story = Story()
    call = story.ask()
    for number in (1, 2):
        story.apply(
            ToolCalled(
                at=story.now,
                session_id="s",
                exchange_id=call,
                tool_use_id=f"t{number}",
                name="Agent",
                prompt_digest="same",
            )
        )
    story.finish(call, stop_reason="tool_use")
    story.ask(agent="a1", first_text_digest="same")
    nested = story.ask(agent="a2", first_text_digest="same")
    story.apply(
        ToolCalled(
            at=story.now,
            session_id="s",
            agent_id="a2",
            exchange_id=nested,
            tool_use_id="t3",
            name="Agent",
            prompt_digest="deeper",
        )
    )
    story.ask(agent="a3", first_text_digest="deeper")
    tree = {
        agent["agent_id"]: (agent["parent_agent_id"], agent["spawned_by"]) for agent in shot(story)["agents"]
    }
    assert tree == {"main": (None, None), "a1": ("main", "t1"), "a2": ("main", "t2"), "a3": ("a2", "t3")}


def test_digests_of_what_was_said_are_not_packed_and_a_call_after_that_is_a_new_turn() -> None:
    story = Story()
    story.ask("secret-digest")
    assert b"secret-digest" not in pack(story.session)
    story.session = unpack(pack(story.session))
    story.ask("secret-digest")
    assert story.session.turns == 2


def test_an_event_seen_twice_changes_nothing() -> None:
    story = Story()
    call = story.ask()
    story.finish(call, Usage(input=3))
    before = shot(story)
    story.finish(call, Usage(input=3), seconds=0)
    assert shot(story) == before


steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "respond", "finish", "fail", "tool", "result", "agent"]),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(steps)
def test_totals_equal_the_sum_of_facts_and_a_packed_session_goes_on_the_same(
    moves: list[tuple[str, int]],
) -> None:
    story = Story()
    open_calls: list[tuple[str, str]] = []
    for move, pick in moves:
        agent = "main" if pick < 3 else "a1"
        if move in {"ask", "agent"}:
            open_calls.append((story.ask(digest=f"d{pick}", agent=agent), agent))
        elif move == "tool" and open_calls:
            story.call_tool(f"t{pick}", open_calls[-1][0], agent=open_calls[-1][1])
        elif move == "result":
            story.return_tool(f"t{pick}", agent=agent)
        elif open_calls:
            call, owner = open_calls[pick % len(open_calls)]
            if move == "respond":
                story.respond(call, agent=owner)
                continue
            open_calls.remove((call, owner))
            if move == "finish":
                story.finish(call, Usage(input=pick, output=1, cache_read=5), agent=owner)
            else:
                story.fail(call, agent=owner, kind="stream", usage=Usage(input=pick))
        assert session_snapshot(unpack(pack(story.session)), story.now) == shot(story)
    calls = [fact for fact in story.facts if isinstance(fact, CallFact)]
    summed = Tokens()
    for fact in calls:
        if fact.usage is not None:
            summed.add(fact.usage)
    assert summed == story.session.tokens
    assert len(calls) + len(open_calls) == story.session.attempts
    assert sum(agent.turns for agent in story.session.agents.values()) == story.session.turns
    lost = story.session.lose_open_calls(story.now, FlatBook())
    assert len(lost) == len(open_calls)
    assert not any(agent.open for agent in story.session.agents.values())
