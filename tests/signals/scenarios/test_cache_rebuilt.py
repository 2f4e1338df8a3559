"""cache_rebuilt: a call wrote again what it could have read. Every cause, its words and its price."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from clauditor.demo import Profile, Tokens
from clauditor.demo.act import Act
from clauditor.demo.claude_request import tool
from support.virtual import Pause, Reply, Stage, Text, ToolUse, at_once, outlives_a_restart, perform

NAME = "cache_rebuilt"
KEY = Profile()
LARGE = "a large task [[tokens:60000]]"
LOST = Tokens(input=10, output=5, cache_write_5m=72_000)


async def begin(stage: Stage, profile: Profile = KEY) -> Act:
    act = stage.act(profile)
    act.will_answer(at_once())
    await act.prompt(LARGE)
    return act


async def go_on(act: Act, **fields: object) -> None:
    act.will_answer(Reply(steps=(Text("ok"),), **fields))  # type: ignore[arg-type]  # a story's own spelling
    await act.prompt("on")


def other_tools(act: Act) -> None:
    act.client.main.tools = [*act.client.main.tools, tool("mcp__jira__search", "etl")]


def no_tool(act: Act) -> None:
    act.client.main.tools = [one for one in act.client.main.tools if one["name"] != "Skill"]


def other_definition(act: Act) -> None:
    first, *others = act.client.main.tools
    act.client.main.tools = [{**first, "description": "new agents"}, *others]


def other_order(act: Act) -> None:
    act.client.main.tools = act.client.main.tools[::-1]


def other_model(act: Act) -> None:
    act.client.main.model = "claude-sonnet-5-5"


def rewritten(act: Act) -> None:
    act.client.main.messages[0]["content"][-1]["text"] += " rewritten"


def profile(**fields: str | tuple[str, ...]) -> Callable[[Act], None]:
    def change(act: Act) -> None:
        act.client.profile = replace(act.client.profile, **fields)  # type: ignore[arg-type]  # of a profile

    return change


@pytest.mark.parametrize(
    ("change", "cause", "words"),
    [
        (other_tools, "tools_changed", "the tools changed (+jira.search)"),
        (no_tool, "tools_changed", "the tools changed (-Skill)"),
        (other_definition, "tools_changed", "the tools changed (~Agent)"),
        (other_order, "tools_changed", "the tools changed (their order)"),
        (other_model, "model_changed", "the model changed (opus-5.5 to sonnet-5.5)"),
        (rewritten, "messages_changed", "earlier messages changed (message 1 of 2 (user))"),
        (profile(style=" be terse"), "system_changed", "the system prompt changed (block 2)"),
        (profile(effort="high"), "effort_changed", "the effort changed (medium to high)"),
        (profile(speed="fast"), "speed_changed", "the speed changed (standard to fast)"),
    ],
    ids=[
        "tool added",
        "tool gone",
        "tool redefined",
        "tools reordered",
        "model",
        "messages",
        "system",
        "effort",
        "speed",
    ],
)
def test_the_culprit_has_a_name(change: Callable[[Act], None], cause: str, words: str) -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        change(act)
        await go_on(act)
        miss = stage.shot(act)["cache"]["last_miss"]
        assert (miss["cause"], miss["expected"]) == (cause, False)
        found = stage.signals(act)[NAME]
        assert found.evidence == "derived"
        assert words in found.summary

    assert len(perform(story).raised(NAME)) == 1


@pytest.mark.parametrize(
    ("change", "cause"),
    [(profile(betas=("afk-mode-2026-01-31",)), "betas_changed"), (lambda _act: None, "likely_server_side")],
    ids=["betas", "nothing changed"],
)
def test_a_cause_that_the_pretend_vendor_does_not_know(change: Callable[[Act], None], cause: str) -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        change(act)
        await go_on(act, usage=LOST)
        assert stage.shot(act)["cache"]["last_miss"]["cause"] == cause
        assert stage.signals(act)[NAME].evidence == (
            "heuristic" if cause == "likely_server_side" else "derived"
        )

    perform(story)


@pytest.mark.parametrize(("ttl", "seconds"), [("5m", 301), ("1h", 3601)])
def test_a_long_pause_is_named_as_such_and_a_shorter_one_costs_nothing(ttl: str, seconds: int) -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage, Profile(cache_ttl=ttl))
        await stage.wait(seconds - 10)
        await go_on(act)
        assert NAME not in stage.signals(act)
        await stage.wait(seconds)
        await go_on(act)
        assert stage.shot(act)["cache"]["last_miss"]["cause"] == f"ttl_expired_{ttl}"
        assert NAME in stage.signals(act)

    perform(story)


def test_the_server_may_know_better_than_time() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        diagnosis = {"cache_miss_reason": {"type": "messages_changed", "cache_missed_input_tokens": 60_000}}
        await go_on(act, **answered(diagnostics=diagnosis))
        miss = stage.shot(act)["cache"]["last_miss"]
        assert (miss["cause"], miss["detail"]) == ("messages_changed", "as the server says")

    perform(story)


def test_what_the_server_itself_cleared_is_expected() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        edit = {"type": "clear_tool_uses_20250919", "cleared_input_tokens": 30_000, "cleared_tool_uses": 9}
        await go_on(act, **answered(context_management={"applied_edits": [edit]}))
        assert stage.shot(act)["cache"]["events"]["expected_rebuild"] == 1

    assert perform(story).raised(NAME) == []


def answered(**message: object) -> dict[str, object]:
    """An answer that read nothing from the cache, with members of its message that the demo does not know."""
    counts = {
        "input_tokens": 10,
        "output_tokens": 1,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 72_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 72_000, "ephemeral_1h_input_tokens": 0},
    }
    begun = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": []}
    events: tuple[dict[str, object], ...] = (
        {"type": "message_start", "message": {**begun, "usage": counts, **message}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return {"body": body.encode(), "content_type": "text/event-stream"}


def test_right_after_a_restart_the_cause_is_unknown() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        stage.restart()
        other_tools(act)
        await go_on(act)
        assert stage.shot(act)["cache"]["last_miss"]["cause"] == "unknown"
        assert "cause unknown" in stage.signals(act)[NAME].summary

    perform(story)


def test_it_holds_until_the_next_call_of_its_chain_and_outlives_a_restart() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        other_tools(act)
        await go_on(act)
        await outlives_a_restart(stage, act, NAME)
        act.will_answer(at_once(Pause(5), Text("ok")))
        answering = stage.begin(act.prompt("on"))
        await stage.wait(4)
        assert NAME in stage.signals(act)
        await answering
        assert NAME not in stage.signals(act)
        other_tools(act)
        await go_on(act)
        await stage.wait(901)
        assert NAME not in stage.signals(act)  # at rest

    assert len(perform(story).raised(NAME)) == 2


def test_ten_cents_make_it_worth_a_look() -> None:
    async def story(stage: Stage) -> None:
        for tokens, severity in ((20_700, "notice"), (20_900, "watch")):
            act = stage.act()
            act.will_answer(at_once(Text("x"), usage=Tokens(input=10, output=5, cache_write_5m=tokens)))
            await act.prompt("go")
            act.will_answer(at_once(Text("x"), usage=Tokens(input=10, output=5, cache_write_5m=tokens + 100)))
            await act.prompt("on")
            assert stage.signals(act)[NAME].severity == severity
            assert stage.signals(act)[NAME].short == "rebuilt +$0.10"

    perform(story)


def test_a_model_without_a_price_is_judged_by_tokens() -> None:
    async def story(stage: Stage) -> None:
        for tokens, severity in ((49_000, "notice"), (51_000, "watch")):
            act = stage.act(Profile(model="claude-next-9"))
            for _ in range(2):
                act.will_answer(at_once(Text("x"), usage=Tokens(input=10, output=5, cache_write_5m=tokens)))
                await act.prompt("go")
            assert stage.signals(act)[NAME].severity == severity
            assert "$" not in stage.signals(act)[NAME].summary

    perform(story)


@pytest.mark.parametrize(
    ("first", "read"),
    [(40_000, 38_000), (40_000, 60_000), (30_000, 28_100), (1_900, 0)],
    ids=["95 % read", "all read", "1,900 lost", "too small"],
)
def test_what_is_no_rebuild(first: int, read: int) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("x"), usage=Tokens(output=5, cache_write_5m=first)))
        await act.prompt("go")
        other_tools(act)  # appended after a search for tools: deferred ones leave the cache alone
        rest = max(0, first + 20_000 - read)
        act.will_answer(at_once(Text("x"), usage=Tokens(output=5, cache_read=read, cache_write_5m=rest)))
        await act.prompt("on")

    assert perform(story).raised(NAME) == []


def test_after_a_compaction_a_rebuild_is_expected() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        act.will_answer(Reply.text("<summary>[[tokens:20000]]</summary>"))
        await act.client.compact("auto")
        await go_on(act)
        assert NAME not in stage.signals(act)
        assert stage.shot(act)["cache"]["misses"] == 0

    assert perform(story).raised(NAME) == []


def test_an_agent_has_a_cache_of_its_own_and_its_end_is_the_end_of_it() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        job = ToolUse("Agent", {"prompt": "look", "subagent_type": "Explore"})
        act.will_answer(at_once(job), at_once(Pause(20), Text("done")))
        act.will_answer(
            at_once(act.read("a"), usage=LOST),
            at_once(act.read("b"), usage=LOST),
            at_once(Pause(20), Text("seen"), usage=LOST),
            agent="look",
        )
        stage.begin(act.prompt("look"))
        await stage.wait(5)
        assert stage.signals(act)[NAME].summary.endswith("(in agent Explore).")
        assert stage.signals(act)[NAME].agent_id != "main"
        await stage.wait(30)
        assert NAME not in stage.signals(act)

    perform(story)


def test_two_models_in_turn_each_keep_their_cache() -> None:
    async def story(stage: Stage) -> None:
        act = await begin(stage)
        other_model(act)
        await go_on(act)
        assert NAME in stage.signals(act)
        for number in range(4):
            act.client.main.model = ("claude-opus-5-5", "claude-sonnet-5-5")[number % 2]
            await go_on(act)
            assert NAME not in stage.signals(act)

    perform(story)
