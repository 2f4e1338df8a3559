"""What is planted: how each sick session falls sick, and until when it must have been said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from clauditor.demo import Pause, Reply, Text, ToolOutcome, ToolUse
from clauditor.demo.claude_request import tool
from support.week.near_misses import job
from support.week.plan import LIMIT_USD, OPUS, SONNET
from support.week.player import Doing, Player
from support.week.work import bash, edit, go, read, step, steps, work

Trouble = Callable[[Player], Awaitable[None]]

SLACK_SECONDS: Final = 15.0  # beyond the moment from which on a person would want to know
_FIRST_BYTE_SECONDS: Final = 90.0
_STREAM_SECONDS: Final = 120.0
_COMMAND_SECONDS: Final = 660.0  # the client stops a command after ten minutes
_DIALOG_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 120.0  # what an answer tells is known when it has ended


async def stalled_in_stream(p: Player) -> None:
    """The answer stops; the person presses Esc at last, or the client gives up and asks again."""

    def stops() -> None:
        p.plant("stalled", "act", due_seconds=3 + _STREAM_SECONDS + SLACK_SECONDS)

    silent = p.reply(
        Text("It begins"), Pause(p.dice.uniform(160, 290)), Text("and goes on."),
        first_token_seconds=2.0, tokens_per_second=None,
    )  # fmt: skip
    before = p.reply(replace(read(p), done=stops))
    if p.dice.random() < 0.3:
        await go(p, p.reply(job(p, before, silent)), p.says(200))
    else:
        await go(p, before, silent)


async def stalled_at_first(p: Player) -> None:
    late = p.says(300, first_token_seconds=p.dice.uniform(130, 290))
    p.plant("stalled", "act", due_seconds=_FIRST_BYTE_SECONDS + SLACK_SECONDS)
    await go(p, late, escape_after=p.dice.uniform(125, 300) if p.dice.random() < 0.5 else None)


async def endless_command(p: Player) -> None:
    def starts() -> None:
        p.plant("stalled", "act", due_seconds=_COMMAND_SECONDS + SLACK_SECONDS)

    await go(p, step(p), p.reply(bash(p, seconds=p.dice.uniform(750, 2000), begun=starts)), *steps(p, 1))


async def tool_loop(p: Player) -> None:
    """The same call with the same result, alone or with another one in between."""

    def fourth() -> None:
        p.plant("tool_loop", "act", due_seconds=SLACK_SECONDS, also=("tool_failures",))

    fails, pair = p.dice.random() < 0.7, p.dice.random() < 0.4
    looked = ToolUse("Read", {"file_path": "/src/Makefile"})
    replies: list[Reply] = []
    for number in range(1, p.dice.randrange(6, 12)):
        seconds = p.dice.uniform(0.5, 9)
        again = bash(p, "make migrate", says="relation exists", fails=fails, seconds=seconds)
        replies.append(p.reply(replace(again, done=fourth if number == 4 else None), thinks=40))
        if pair:
            replies.append(p.reply(Doing(use=looked, outcome=ToolOutcome(content="migrate:", seconds=0.1))))
    await _main_or_agent(p, replies)


async def _main_or_agent(p: Player, replies: list[Reply]) -> None:
    """Does it in the main thread, or has an agent do it."""
    if p.dice.random() < 0.25:
        await go(p, p.reply(job(p, *replies, p.says(100))), p.says(200))
    else:
        await go(p, *replies, p.says(200))


async def failing_tools(p: Player) -> None:
    """Five in a row, or most of them."""

    def due() -> None:
        p.is_due_in(SLACK_SECONDS)

    pattern = p.dice.choice(("xxxxxxx", "xxoxxoxxox", "xoxxxoxxx"))
    due_with = 5 if pattern.startswith("xxxxx") else 6
    p.plant("tool_failures", "watch")
    fails = (edit, bash, bash)
    doings = [read(p) if sign == "o" else p.dice.choice(fails)(p, fails=True) for sign in pattern]
    doings[due_with - 1] = replace(doings[due_with - 1], done=due)
    await _main_or_agent(p, [p.reply(doing, thinks=40) for doing in doings])


async def rebuilt(p: Player, change: Callable[[], None], says: str) -> None:
    """Something that the cache hangs on changes between two prompts, soon enough that it is still warm."""
    await p.compact_if_full()
    await p.prompt(p.reply(read(p, tokens=max(1_000, 110_000 - p.context_tokens))), p.says(60))
    await p.away(p.dice.uniform(5, 60))
    change()
    p.plant("cache_rebuilt", "watch", due_seconds=_ANSWER_SECONDS, says=says)
    await go(p, *steps(p))


async def rebuilt_by_tools(p: Player) -> None:
    def change() -> None:
        known = p.act.client.main.tools
        fewer = [one for one in known if one["name"] != "Skill"]
        p.act.client.main.tools = p.dice.choice(([*known, tool("mcp__jira__search", "jira")], fewer))

    await rebuilt(p, change, "the tools changed")


async def rebuilt_by_system(p: Player) -> None:
    await rebuilt(p, lambda: set_up(p, style=" Be terse."), "the system prompt changed")


async def rebuilt_by_effort(p: Player) -> None:
    await rebuilt(p, lambda: set_up(p, effort="xhigh"), "the effort changed")


def set_up(p: Player, **fields: Any) -> None:
    p.act.client.profile = replace(p.act.client.profile, **fields)


async def rebuilt_by_model(p: Player) -> None:
    def change() -> None:
        p.act.client.main.model = SONNET if p.act.client.main.model == OPUS else OPUS

    await rebuilt(p, change, "the model changed")


async def cache_thrash(p: Player) -> None:
    """Something rewrites the system prompt before every call."""
    await p.compact_if_full()
    await p.prompt(*steps(p, 1))

    def restyle(number: int) -> Callable[[], None]:
        def change() -> None:
            set_up(p, style=f" It is {number} o'clock.")
            if number == 3:
                p.plant("cache_thrash", "act", due_seconds=_ANSWER_SECONDS)

        return change

    rounds = [p.reply(replace(read(p), done=restyle(number))) for number in range(1, p.dice.randrange(5, 9))]
    await go(p, *rounds, p.says(200))


async def another_model(p: Player) -> None:
    served = SONNET if p.act.client.main.model != SONNET else "claude-sonnet-5"
    p.plant("model_fallback", "watch", due_seconds=_ANSWER_SECONDS)
    for _ in range(p.dice.choice((1, 2))):
        await go(p, *(replace(one, model=served) for one in steps(p)))


async def another_model_after_overloads(p: Player) -> None:
    p.plant(
        "model_fallback", "watch", due_seconds=_ANSWER_SECONDS, says="after failures",
        also=("retrying", "api_errors"),
    )  # fmt: skip
    busy = [Reply.failure(529, "Overloaded", first_token_seconds=0.5) for _ in range(3)]
    await go(p, *busy, *steps(p, 2))


async def context_nearly_full(p: Player) -> None:
    """The conversation grows steadily until the client compacts it; that must not come as a surprise."""
    await _fill(p, 0.76)
    p.plant("context_pressure", "watch")
    size = p.compacts_at * p.dice.uniform(0.01, 0.03)
    while p.context_tokens < p.compacts_at * 0.965:
        await go(p, p.reply(read(p, tokens=size)), p.reply(read(p, tokens=size)), *steps(p, 0))
    p.is_due_in(0)
    await work(p)


async def _fill(p: Player, ratio: float) -> None:
    """Files are read until so much of the room is used."""
    while (missing := p.compacts_at * ratio - p.context_tokens) > 0:
        size = min(missing + 1_000, p.compacts_at * 0.05)
        await go(p, p.reply(read(p, tokens=size)), p.says(100))


async def compaction_loop(p: Player) -> None:
    """What fills the window is read again after each compaction."""
    await _fill(p, 0.9)
    for number in range(3):
        calls = p.dice.randrange(3, 7)
        size = (p.compacts_at * 1.01 - p.context_tokens) / calls
        await p.prompt(*(p.reply(read(p, tokens=size)) for _ in range(calls)), p.says(60))
        if number == 1:
            p.plant("compaction_loop", "act", also=("context_pressure",))
        await p.compact("auto")
        if number == 1:
            p.is_due_in(SLACK_SECONDS)
        await p.away(p.dice.uniform(2, 20))
    await work(p)


async def refused(p: Player) -> None:
    p.plant("refused", "watch", due_seconds=_ANSWER_SECONDS)
    await go(p, p.says(40, stop_reason="refusal"))


async def cut_off(p: Player) -> None:
    p.plant("truncated", "watch", due_seconds=_ANSWER_SECONDS)
    await go(p, p.says(300, stop_reason="model_context_window_exceeded"))


def _left_open(p: Player) -> None:
    p.plant("needs_answer", "act", due_seconds=_DIALOG_SECONDS + SLACK_SECONDS)


async def permission_left_open(p: Player) -> None:
    doing = edit(p) if p.dice.random() < 0.4 else bash(p)
    asked = replace(doing, asks_seconds=p.dice.uniform(40, 1500), begun=lambda: _left_open(p))
    await go(p, step(p), p.reply(asked), *steps(p, 1))


async def question_left_open(p: Player) -> None:
    use = ToolUse(p.dice.choice(("AskUserQuestion", "AskUserQuestion", "ExitPlanMode")), {})
    outcome = ToolOutcome(content="the second one", seconds=p.dice.uniform(40, 1500))
    asked = Doing(use=use, outcome=outcome, begun=lambda: _left_open(p))
    await go(p, step(p), p.reply(asked), *steps(p, 1))


async def limit_nearly_used(p: Player) -> None:
    """The five hours fill up while it works."""

    def tell(used: float) -> Callable[[], None]:
        def told() -> None:
            p.stage.windows._five_hour = used
            if used >= 0.9:
                p.is_due_in(_ANSWER_SECONDS)

        return told

    p.stage.windows._five_hour_resets = int(p.now) + 7200
    p.plant("rate_limit", "act")

    await go(
        p, p.reply(bash(p, done=tell(0.89))), p.reply(bash(p, done=tell(0.905), seconds=5)), *steps(p, 3)
    )


async def cost_over_limit(p: Player) -> None:
    """A dear step leads beyond what the user allows a session."""
    bill = p.stage.session(p.act).bill.usd or 0.0
    missing = (LIMIT_USD - bill) / 5e-6  # at opus-5.5's price for writing a million tokens
    p.plant("cost_pace", "watch", due_seconds=_ANSWER_SECONDS)
    await go(p, p.reply(read(p, tokens=max(10_000, missing * 1.1))), *steps(p, 3))


async def errors_again(p: Player) -> None:
    """Each call works at the second or third attempt only."""

    def failures() -> list[Reply]:
        status = p.dice.choice((500, 502, 529, 429))
        return [Reply.failure(status, first_token_seconds=0.5) for _ in range(p.dice.choice((1, 1, 2)))]

    p.plant("api_errors", "watch", also=("retrying",))
    several = [one for _ in range(5) for one in (*failures(), p.reply(read(p)))]
    await p.prompt(*several, p.says(100))
    p.is_due_in(0)
    await p.pause()


async def one_call_again(p: Player) -> None:
    status = p.dice.choice((500, 502, 503, 504))
    failed = [Reply.failure(status, first_token_seconds=0.5) for _ in range(p.dice.randrange(4, 8))]
    p.plant("retrying", "watch", due_seconds=3 + SLACK_SECONDS, also=("api_errors",))
    await go(p, *failed, *steps(p, 2))


PLAYED: Final[Mapping[str, Trouble]] = {
    "stalled mid stream": stalled_in_stream,
    "stalled before the first byte": stalled_at_first,
    "endless command": endless_command,
    "tool loop": tool_loop,
    "failing tools": failing_tools,
    "rebuilt: tools": rebuilt_by_tools,
    "rebuilt: system": rebuilt_by_system,
    "rebuilt: model": rebuilt_by_model,
    "rebuilt: effort": rebuilt_by_effort,
    "cache thrash": cache_thrash,
    "another model": another_model,
    "another model after overloads": another_model_after_overloads,
    "context nearly full": context_nearly_full,
    "compaction loop": compaction_loop,
    "refused": refused,
    "cut off by the window": cut_off,
    "permission left open": permission_left_open,
    "question left open": question_left_open,
    "limit nearly used": limit_nearly_used,
    "cost over the limit": cost_over_limit,
    "errors again and again": errors_again,
    "one call tried again and again": one_call_again,
}
