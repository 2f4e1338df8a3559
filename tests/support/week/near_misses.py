"""What happens to healthy sessions in a real week and looks like trouble: none of it is a reason to act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from clauditor.demo import Pause, Reply, Text, Thinking, Tokens, ToolOutcome, ToolUse
from clauditor.demo.claude_request import tool
from support.week.plan import HAIKU, OPUS, SONNET
from support.week.player import Doing, Player
from support.week.work import bash, edit, go, read, step, steps, work

NearMiss = Callable[[Player], Awaitable[None]]
_REJECTED: Final = "The user doesn't want to proceed with this tool use. The tool use was rejected."


async def retry(p: Player) -> None:
    kind = p.dice.randrange(4)
    if kind == 0:
        failed = Reply.failure(p.dice.choice((500, 503, 529)), first_token_seconds=0.4)
    elif kind == 1:
        failed = Reply.failure(429, retry_after_seconds=p.dice.choice((2, 8, 30)))
    elif kind == 2:
        failed = p.says(80, error="overloaded_error")  # in the stream: sent again without streaming
    else:
        failed = p.says(80, end="rst", cut_after_bytes=900)
    await go(p, step(p), failed, *steps(p))


async def failed_tool(p: Player) -> None:
    await go(p, step(p), p.reply(bash(p, fails=True)), *steps(p, 2))


async def rejected_tool(p: Player) -> None:
    doing = edit(p)
    outcome = ToolOutcome(content=_REJECTED, is_error=True, seconds=p.dice.uniform(1, 3))
    for _ in range(p.dice.choice((1, 2))):
        await go(p, step(p), p.reply(replace(doing, outcome=outcome)), p.says(60))


def job(p: Player, *doings: Reply, **fields: object) -> ToolUse:
    """Starts an agent whose calls are `doings`."""
    prompt = f"look at part {p.next_number()}"
    p.act.will_answer(*doings, agent=prompt)
    kind = p.dice.choice(("Explore", "Plan", "general-purpose"))
    return ToolUse("Agent", {"description": "look", "prompt": prompt, "subagent_type": kind, **fields})


def errand(p: Player) -> list[Reply]:
    return [*(step(p) for _ in range(p.dice.randrange(1, 6))), p.says(200)]


async def agents(p: Player) -> None:
    models = [{}, {"model": HAIKU}, {"model": SONNET}, {}]
    jobs = [job(p, *errand(p), **p.dice.choice(models)) for _ in range(p.dice.choice((2, 3, 4)))]
    await go(p, p.reply(*jobs, thinks=80), p.says(400))


async def nested_agents(p: Player) -> None:
    inner = [job(p, *errand(p)) for _ in range(2)]
    outer = job(p, step(p), p.reply(*inner), p.says(150))
    await go(p, p.reply(outer), p.says(300))


async def background(p: Player) -> None:
    watch = job(
        p, step(p), p.reply(bash(p, seconds=p.dice.uniform(30, 200))), p.says(40), run_in_background=True
    )
    await go(p, p.reply(watch), p.says(40))
    await p.wake(p.says(120))
    await p.pause()


async def plan_mode(p: Player) -> None:
    """One model plans, another works; the plan is allowed at once."""

    def works() -> None:
        p.act.client.main.model = SONNET

    shown = Doing(
        use=ToolUse("ExitPlanMode", {"plan": p.act.prose(80)}),
        outcome=ToolOutcome(content="approved", seconds=p.dice.uniform(1, 3)),
        done=works,
    )
    p.act.client.main.model = OPUS
    await go(p, step(p), step(p), p.reply(shown, thinks=600), step(p), *steps(p, 3))


async def other_model(p: Player) -> None:
    p.act.client.main.model = SONNET if p.act.client.main.model == OPUS else OPUS
    await go(p, *steps(p))


async def escape(p: Player) -> None:
    await interrupted(p, p.says(2500), p.dice.uniform(10, 25))


async def escape_command(p: Player) -> None:
    await interrupted(p, p.reply(bash(p, seconds=600)), p.dice.uniform(12, 90))


async def interrupted(p: Player, reply: Reply, seconds: float) -> None:
    """Who presses Esc wants to say something else, and nearly always says it at once."""
    await p.compact_if_full()
    await p.prompt(reply, escape_after=seconds)
    if p.dice.random() < 0.9:
        await p.away(p.dice.uniform(3, 60))
    else:
        await p.pause()
    await work(p)


async def lunch(p: Player) -> None:
    await work(p)
    await p.away(p.dice.uniform(2000, 3600))
    await work(p)


async def compacted_by_hand(p: Player) -> None:
    await p.compact("manual")
    await p.pause()
    await work(p)


async def compacted_once(p: Player) -> None:
    """The window fills up, the client compacts, and there is room again for long."""
    for _ in range(60):
        room = p.compacts_at - p.context_tokens
        if room <= 0:
            break
        size = p.compacts_at * p.dice.uniform(0.03, 0.12)
        await go(p, p.reply(read(p, tokens=min(size, room * 1.02))), *steps(p, 1))
    await work(p, 3)


async def compacted_early(p: Player) -> None:
    """The user set the client's window far below the model's."""
    await work(p)
    await p.compact("auto")
    await work(p, 2)


async def clear(p: Player) -> None:
    await p.act.tell("SessionEnd", reason="clear")
    p.open()
    await p.act.tell("SessionStart", source="clear")
    await work(p, 2)


async def slow_stream(p: Player) -> None:
    parts = [
        part for _ in range(4) for part in (Text(p.act.prose(40)), Pause(p.dice.uniform(20, 70), pings=True))
    ]
    await go(p, step(p), p.reply(*parts, tokens_per_second=p.dice.uniform(8, 20)))


async def slow_to_begin(p: Player) -> None:
    await go(p, step(p), p.reply(read(p), first_token_seconds=p.dice.uniform(30, 80)), *steps(p, 1))


async def long_thinking(p: Player) -> None:
    thought = Thinking(p.act.prose(p.dice.randrange(4_000, 12_000)))
    await go(p, p.reply(thought, Text(p.act.prose(500))))


async def long_command(p: Player) -> None:
    await go(p, step(p), p.reply(bash(p, seconds=p.dice.uniform(240, 580))), *steps(p, 1))


async def tools_by_search(p: Player) -> None:
    """A definition that was deferred is loaded: the server keeps the prompt cached."""
    p.act.client.main.tools = [*p.act.client.main.tools, tool(f"mcp__jira__find_{p.next_number()}", "jira")]
    held = p.context_tokens
    counts = Tokens(input=4, output=90, cache_read=held, cache_write_5m=900)
    told = {"usage": counts} if held else {}
    search = Doing(use=ToolUse("ToolSearch", {"query": "jira"}), outcome=ToolOutcome(seconds=0.3))
    await go(p, p.reply(search, **told), *steps(p, 2))


async def short_dialog(p: Player) -> None:
    for _ in range(p.dice.choice((1, 2, 3))):
        asked = bash(p, asks_seconds=p.dice.uniform(0.5, 3.0), seconds=p.dice.uniform(0.5, 90))
        await go(p, step(p), p.reply(asked), *steps(p, 1))


async def unseen_dialog(p: Player) -> None:
    """Without hooks nothing tells of a dialog; an edit that waits for an ok only takes longer."""
    asked = edit(p)
    taken = replace(asked.outcome, seconds=p.dice.uniform(1, 12))
    await go(p, step(p), p.reply(replace(asked, outcome=taken)), *steps(p, 1))


async def short_question(p: Player) -> None:
    outcome = ToolOutcome(content="the first one", seconds=p.dice.uniform(1.0, 3.0))
    asked = Doing(use=ToolUse("AskUserQuestion", {"questions": []}), outcome=outcome)
    await go(p, step(p), p.reply(asked), *steps(p, 1))


async def side_calls(p: Player) -> None:
    await work(p)
    await p.act.client.suggest()
    await p.act.client.count_tokens(p.dice.randrange(4, 16))
    await p.act.client.title("what it is about")
    await work(p)


async def script(p: Player) -> None:
    """`claude -p`: one prompt, many calls, nobody there."""
    await go(p, *(step(p) for _ in range(p.dice.randrange(10, 30))), p.says(500))


async def polling(p: Player) -> None:
    command, waits = "gh run view 4711", p.dice.uniform(20, 90)
    polled = [p.reply(bash(p, command, says="in progress", seconds=waits)) for _ in range(3)]
    await go(p, step(p), *polled, p.reply(bash(p, command, says="success", seconds=waits)), p.says(80))


async def red_and_green(p: Player) -> None:
    """Tests first: each fails once before it passes."""
    replies: list[Reply] = []
    for number in range(p.dice.randrange(3, 6)):
        name = f"pytest -q -k case_{number}"
        replies += [p.reply(edit(p)), p.reply(bash(p, name, fails=True))]
        replies += [p.reply(edit(p), thinks=100), p.reply(bash(p, name))]
    await go(p, *replies, p.says(200))


async def checks(p: Player) -> None:
    """The same check after each edit, and each time all is well."""
    replies: list[Reply] = []
    for _ in range(p.dice.randrange(4, 8)):
        replies += [p.reply(edit(p), thinks=60)]
        replies += [p.reply(bash(p, "ruff check .", says="All checks passed!", seconds=0.4))]
    await go(p, *replies, p.says(150))


async def large_files(p: Player) -> None:
    """Much is read at first and little after: a third of a small window is full within four calls."""
    sizes = [p.compacts_at * p.dice.uniform(0.09, 0.13) for _ in range(4)]
    await go(p, *(p.reply(read(p, tokens=size)) for size in sizes), p.says(400))
    await work(p, 3)


async def dated_id(p: Player) -> None:
    replies = [replace(one, model=f"{p.act.client.main.model}-20260901") for one in steps(p, 3)]
    await go(p, *replies)


async def much_at_once(p: Player) -> None:
    several = [read(p) for _ in range(6)] + [bash(p, fails=p.dice.random() < 0.5) for _ in range(2)]
    await go(p, p.reply(*several, thinks=200), *steps(p, 2))


PLAYED: Final[Mapping[str, NearMiss]] = {
    "a retry that succeeds": retry,
    "a failed tool": failed_tool,
    "a rejected tool": rejected_tool,
    "agents side by side": agents,
    "agents of agents": nested_agents,
    "an agent in the background": background,
    "plan mode": plan_mode,
    "the user changes the model": other_model,
    "Esc in an answer": escape,
    "Esc in a command": escape_command,
    "lunch": lunch,
    "compacted by hand": compacted_by_hand,
    "compacted once": compacted_once,
    "compacted early": compacted_early,
    "/clear": clear,
    "slow stream with pings": slow_stream,
    "slow to begin": slow_to_begin,
    "long thinking": long_thinking,
    "a long command": long_command,
    "tools loaded by search": tools_by_search,
    "a short dialog": short_dialog,
    "a short dialog that nobody tells of": unseen_dialog,
    "a short question": short_question,
    "side calls": side_calls,
    "a script": script,
    "polling": polling,
    "red and green": red_and_green,
    "checks after each edit": checks,
    "large files first": large_files,
    "a dated id": dated_id,
    "much at once": much_at_once,
}
