"""model_fallback: another model, or speed, answers the main thread than was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clauditor.demo import Profile
from support.virtual import Reply, Stage, Text, ToolUse, at_once, bash, outlives_a_restart, perform

NAME = "model_fallback"
SONNET = "claude-sonnet-5-5"
OPUS = "claude-opus-5-5"


def test_the_server_answers_by_another_model_until_it_does_not() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("x"), model=SONNET))
        await act.prompt("go")
        found = stage.signals(act)[NAME]
        assert (found.severity, found.evidence, found.short) == ("watch", "measured", "sonnet, asked opus")
        assert found.summary == "Answered by sonnet-5.5; you asked for opus-5.5."
        await outlives_a_restart(stage, act, NAME)
        act.will_answer(at_once(Text("x"), model=SONNET))
        await act.prompt("on")
        assert NAME in stage.signals(act)
        act.will_answer(at_once(Text("x")))
        await act.prompt("and on")
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1  # once for a change, not for each answer


def test_an_answer_that_was_passed_on_within_the_call_says_so_in_its_usage() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        counts = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 0,
                  "cache_creation_input_tokens": 0}  # fmt: skip
        hops = [{"type": "message", **counts}, {"type": "fallback_message", "model": SONNET, **counts}]
        act.will_answer(at_once(Text("x"), iterations=tuple(hops)))
        await act.prompt("go")
        assert stage.signals(act)[NAME].short == "sonnet, asked opus"

    perform(story)


def test_after_overloads_the_client_itself_asks_another_model() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile(fallback_model=SONNET))
        act.will_answer(*[Reply.failure(529)] * 3, at_once(Text("x")))
        await act.prompt("go")
        found = stage.signals(act)[NAME]
        assert found.summary == "Answered by sonnet-5.5 after failures; you asked for opus-5.5."
        act.will_answer(at_once(Text("x")))
        await act.prompt("on")  # the client begins with the first model again
        assert NAME not in stage.signals(act)

    assert len(perform(story).raised(NAME)) == 1


def test_a_refusal_that_the_client_takes_to_another_model_is_one_too() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("no"), stop_reason="refusal"), at_once(Text("yes")))
        await act.prompt("go")
        del act.client.main.messages[-1]  # the client sends the same again
        act.client.main.model = SONNET
        await act.client._run(act.client.main)
        assert stage.signals(act)[NAME].short == "sonnet, asked opus"

    perform(story)


def test_the_speed_that_was_asked_for_is_used_up() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile(speed="fast"))
        act.will_answer(at_once(Text("x"), extra_usage={"speed": "fast"}))
        await act.prompt("go")
        assert stage.signals(act) == {}
        act.will_answer(at_once(Text("x"), extra_usage={"speed": "standard"}))
        await act.prompt("on")
        assert stage.signals(act)[NAME].short == "standard, not fast"

    perform(story)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-opus-5-5", "claude-opus-5-5-20260901"),
        ("claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5-v1:0"),
    ],
)
def test_an_alias_and_its_dated_id_are_one_model(asked: str, served: str) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(Profile(model=asked))
        act.will_answer(at_once(Text("x"), model=served))
        await act.prompt("go")

    assert perform(story).raised(NAME) == []


def test_models_of_one_family_are_told_apart_by_version() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("x"), model="claude-opus-5"))
        await act.prompt("go")
        assert stage.signals(act)[NAME].short == "opus-5, not 5.5"

    perform(story)


def test_what_the_user_or_the_client_chose_is_no_fallback() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        # plan mode asks one model to plan and another to work, within one prompt
        act.will_answer(at_once(ToolUse("ExitPlanMode", {})), at_once(Text("x")))

        async def leave_plan_mode(_block: dict[str, Any]) -> Any:
            act.client.main.model = SONNET
            return await act._run_tool(_block)

        act.client.run_tool = leave_plan_mode
        await act.prompt("plan and work")
        # /model between prompts
        act.client.main.model = OPUS
        act.will_answer(at_once(Text("x")))
        await act.prompt("on")
        # an agent has a model of its own, and may be answered by yet another
        job = {"prompt": "look", "subagent_type": "Explore", "model": "claude-haiku-5-5"}
        act.will_answer(at_once(ToolUse("Agent", job)), at_once(Text("x")))
        act.will_answer(at_once(Text("seen"), model=SONNET), agent="look")
        await act.prompt("look")

    assert perform(story).raised(NAME) == []


def test_another_model_chosen_after_a_refusal_or_failures_is_no_fallback() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("no"), stop_reason="refusal"))
        await act.prompt("go")
        act.client.main.model = SONNET
        act.will_answer(at_once(Text("x")))
        await act.prompt("then this model")
        act.client.main.model = OPUS
        act.will_answer(*[Reply.failure(529)] * 3)
        await act.prompt("and on")
        act.client.main.model = SONNET
        act.will_answer(at_once(bash()), at_once(Text("x")))
        await act.prompt("this one, then")

    assert perform(story).raised(NAME) == []


def test_a_changed_profile_alone_changes_nothing() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.client.profile = replace(act.client.profile, effort="high")
        act.will_answer(at_once(Text("x")))
        await act.prompt("go")

    assert perform(story).raised(NAME) == []
