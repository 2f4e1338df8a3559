"""Ordinary work: prompts of a few calls, tools that mostly succeed, pauses, an end."""

from __future__ import annotations

from typing import Any, Final

from clauditor.demo import Reply, Text, ToolOutcome, ToolUse
from support.week.player import Doing, Player

FAILED_BASH: Final = "Exit code 1\n"
_COMMANDS: Final = ("pytest -q", "git diff", "rg -n TODO", "make build", "npm test", "ls -la", "git log -5")
_FAILS: Final = 0.06  # of commands, by themselves


def bash(
    p: Player,
    command: str | None = None,
    *,
    says: str = "output",
    tokens: float | None = None,
    seconds: float | None = None,
    fails: bool = False,
    **fields: Any,
) -> Doing:
    """A command. Without `says` its output is like no other."""
    command = f"{p.dice.choice(_COMMANDS)} part-{p.next_number()}" if command is None else command
    weight = p.dice.lognormvariate(6.2, 1.0) if tokens is None else tokens
    content = p.sized(says, weight) if says == "output" else says
    outcome = ToolOutcome(
        content=FAILED_BASH + content if fails else content,
        is_error=fails or None,
        seconds=p.dice.lognormvariate(0.9, 1.0) if seconds is None else seconds,
    )
    return Doing(use=ToolUse("Bash", {"command": command, "description": "run"}), outcome=outcome, **fields)


def read(p: Player, *, tokens: float | None = None, **fields: Any) -> Doing:
    weight = min(20_000.0, p.dice.lognormvariate(7.3, 1.0)) if tokens is None else tokens
    return Doing(
        use=ToolUse("Read", {"file_path": f"/src/part_{p.next_number()}.py"}),
        outcome=ToolOutcome(content=p.sized("a file", weight), seconds=p.dice.uniform(0.02, 0.3)),
        **fields,
    )


def edit(p: Player, *, fails: bool = False, **fields: Any) -> Doing:
    content = "String to replace not found in file." if fails else f"The file {p.next_number()} was updated."
    change = {
        "file_path": f"/src/part_{p.next_number()}.py",
        "old_string": "a",
        "new_string": p.act.prose(60),
    }
    return Doing(
        use=ToolUse("Edit", change),
        outcome=ToolOutcome(content=content, is_error=fails or None, seconds=p.dice.uniform(0.02, 0.4)),
        **fields,
    )


def step(p: Player) -> Reply:
    """One call of the main thread that goes on with tools."""
    kind = p.dice.random()
    thinks = round(p.dice.lognormvariate(4.5, 1.0))
    if kind < 0.35:
        return p.reply(*[read(p) for _ in range(p.dice.choice((1, 1, 1, 2, 3)))], thinks=thinks)
    if kind < 0.65:
        return p.reply(edit(p, fails=p.dice.random() < 0.02), thinks=thinks)
    if kind < 0.75:
        return p.reply(Text(p.act.prose(40)), bash(p, fails=p.dice.random() < _FAILS), read(p), thinks=thinks)
    return p.reply(bash(p, fails=p.dice.random() < _FAILS), thinks=thinks)


def steps(p: Player, number: int | None = None) -> list[Reply]:
    """A few calls, and the answer that ends the prompt."""
    count = p.dice.choice((0, 1, 2, 3, 3, 4, 5, 7)) if number is None else number
    return [*(step(p) for _ in range(count)), p.says(round(p.dice.lognormvariate(5.5, 0.6)))]


async def go(p: Player, *replies: Reply, escape_after: float | None = None) -> None:
    """A prompt, after the client made room for it, and the pause after it."""
    await p.compact_if_full()
    await p.prompt(*replies, escape_after=escape_after)
    await p.pause()


async def work(p: Player, prompts: int = 1) -> None:
    for _ in range(prompts):
        await go(p, *steps(p))


async def arrive(p: Player) -> None:
    """The terminal is opened; most name the session by a side call."""
    p.act.round = 0
    await p.act.tell("SessionStart", source="startup")
    if p.plan.context_tokens:
        p.act.continues("what was begun before", p.plan.context_tokens)
    if p.dice.random() < 0.6:
        await p.act.client.title(p.act.prose(8))


async def leave(p: Player) -> None:
    """The session ends, or is left open for an hour."""
    if p.dice.random() < 0.5:
        await p.act.tell("SessionEnd", reason="prompt_input_exit")
    await p.away(4000)
