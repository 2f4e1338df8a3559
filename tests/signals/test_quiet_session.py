"""A healthy afternoon raises nothing above `notice`, and asks for a person only where it truly waits for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clauditor.demo import Profile
from clauditor.demo.act import FAKE_PLAN_TOKEN, Act
from clauditor.demo.claude_code import ToolOutcome
from support.virtual import FAILED, Reply, Stage, Text, ToolUse, perform

WORK = (
    "read the parser",
    "write the test",
    "fix the parser",
    "tidy up",
    "look at the docs",
    "the last edge case",
)


def plain(act: Act, number: int) -> None:
    """A prompt with a few calls: reading, editing, running the tests, one of which fails."""
    act.will_answer(
        act.reply(act.read(f"src/part_{number}.py"), act.read("tests/test_parser.py"), thinks=60),
        act.reply(
            ToolUse("Edit", {"file_path": f"/src/part_{number}.py", "old_string": str(number)}), thinks=90
        ),
        act.reply(Text(act.prose(30)), act.bash(f"pytest -q -k part_{number}")),
        act.reply(act.bash("ruff check ."), thinks=20),
        act.says(350),
    )


def delegated(act: Act) -> None:
    """Three agents side by side, one of which has an agent of its own; each a model of its own."""
    jobs = [
        ToolUse("Agent", {"prompt": f"look at {name}", "subagent_type": kind, "model": model})
        for name, kind, model in (
            ("callers", "Explore", "claude-haiku-5-5"),
            ("tests", "Plan", "claude-sonnet-5-5"),
            ("docs", "general-purpose", "claude-opus-5-5"),
        )
    ]
    act.will_answer(act.reply(*jobs, thinks=60), act.says(300))
    act.will_answer(act.reply(act.bash("rg callers")), act.says(250), agent="look at callers")
    act.will_answer(
        act.reply(act.read("a.py")), act.reply(act.read("b.py")), act.says(90), agent="look at tests"
    )
    deeper = ToolUse("Agent", {"prompt": "look deeper", "subagent_type": "Explore"})
    act.will_answer(act.reply(deeper), act.says(120), agent="look at docs")
    act.will_answer(act.reply(act.bash("rg TODO"), thinks=30), act.says(60), agent="look deeper")


async def afternoon(stage: Stage, act: Act) -> None:
    act.outcomes["Bash"] = ToolOutcome(content="12 passed in 3.41s", seconds=4.0)
    act.outcomes["Edit"] = ToolOutcome(seconds=0.2)
    for number, words in enumerate(WORK[:3]):
        plain(act, number)
        await act.prompt(words)
        await stage.wait(60 + number * 50)

    # Plan mode: the plan waits for an ok, then another model works.
    act.outcomes["ExitPlanMode"] = ToolOutcome(content="approved", seconds=25)
    act.will_answer(act.reply(act.read("design.md"), thinks=80), act.reply(ToolUse("ExitPlanMode", {})))
    act.will_answer(act.reply(ToolUse("Edit", {"file_path": "design.md"})), act.says(200))
    await act.prompt("plan the next step")
    await stage.wait(40)

    # A search for tools brings one more: its definition is deferred, the prompt cache stays.
    act.will_answer(act.reply(ToolUse("ToolSearch", {"query": "jira"})), act.says(30))
    await act.prompt("is there a ticket?")
    act.outcomes["Bash"] = FAILED
    act.will_answer(act.reply(act.bash("false")), act.says(80))
    await act.prompt("and if it fails?")
    act.outcomes["Bash"] = ToolOutcome(content="ok", seconds=4.0)

    delegated(act)
    await act.prompt("split the work")
    await stage.wait(30)
    watch = {"prompt": "watch the build", "subagent_type": "Explore", "run_in_background": True}
    act.will_answer(act.reply(ToolUse("Agent", watch)), act.says(20))
    act.will_answer(act.reply(act.bash("gh run watch")), act.says(40), agent="watch the build")
    await act.prompt("tell me when the build is done")
    act.will_answer(act.says(50))
    await act.client.wake()
    await act.client.suggest()
    await act.client.title("the parser")
    await act.client.count_tokens(5)

    # The client's window is set smaller than the model's: it compacts by itself far from the model's own limit.
    act.will_answer(Reply.text("<summary>The parser is half done.</summary>", first_token_seconds=6.0))
    await act.client.compact("auto")
    for number, words in enumerate(WORK[3:], start=3):
        plain(act, number)
        await act.prompt(words)
        await stage.wait(90)


@pytest.mark.parametrize("hooks", [True, False], ids=["hooks", "no hooks"])
@pytest.mark.parametrize(
    "profile",
    [
        Profile(),
        Profile(hints=False),
        Profile(oauth_token=FAKE_PLAN_TOKEN, cache_ttl="1h", hints=False),
        Profile(model="claude-sonnet-4-5-20250929", fallback_model="claude-haiku-4-5"),
    ],
    ids=["key", "no hints", "plan", "older model"],
)
def test_a_healthy_afternoon_is_quiet(profile: Profile, hooks: bool) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act(profile, hooks=hooks)
        await act.tell("SessionStart", source="startup")
        await afternoon(stage, act)
        first = stage.session(act)
        assert first.turns >= 30
        assert first.compactions == 1
        assert len(first.agents) == 6
        await act.tell("SessionEnd", reason="clear")  # /clear: the same process goes on under another id
        cleared = stage.act(replace(profile, branch="next"), hooks=hooks)
        await cleared.tell("SessionStart", source="clear")
        for number in range(3):
            plain(cleared, number)
            await cleared.prompt(WORK[number])
            await stage.wait(70)
        await stage.wait(3600)

    stage = perform(story)
    loud = [edge for edge in stage.edges if edge.severity != "notice" and edge.name != "needs_answer"]
    assert loud == []
    asked = [edge.short for edge in stage.raised("needs_answer")]
    assert asked.count("shows you its plan") == 1
    assert set(asked) <= {"shows you its plan", "answer complete"}
