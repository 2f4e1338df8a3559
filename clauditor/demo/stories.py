"""Eight sessions for the screen, each with a trouble (or a virtue) of its own.

A story is one round; the play repeats it, and `act.round` brings the variation. Names of projects and
prompts are invented.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from clauditor.demo.act import FAKE_PLAN_TOKEN, Act
from clauditor.demo.claude_code import ToolOutcome
from clauditor.demo.claude_request import Profile, tool
from clauditor.demo.reply import Pause, Reply, Text, ToolUse

COMPACT_AT_TOKENS: Final = 967_000
"""Where the client compacts a window of a million by itself."""
_STALL_SECONDS: Final = 280.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`begins_after_seconds` lets the sessions appear one after the other; `rest_seconds` lie between rounds."""

    name: str
    profile: Profile
    play: Callable[[Act], Awaitable[None]]
    begins_after_seconds: float
    rest_seconds: float


async def healthy(act: Act) -> None:
    """Reads, edits, asks to run the tests, is done."""
    act.continues("fix login test", 96_000)
    act.outcomes["Bash"] = ToolOutcome(content="12 passed in 3.41s", seconds=3.4)
    act.approvals["Bash"] = 20.0
    act.will_answer(
        act.reply(act.read("login.py"), act.read("session.py"), act.read("tests/test_login.py"), thinks=60),
        act.reply(ToolUse("Edit", {"file_path": f"{act.profile.cwd}/login.py"}), thinks=90),
        act.reply(Text(act.prose(40)), act.bash("pytest -q tests/test_login.py")),
        act.says(420),
    )
    await act.prompt(("try the other browser", "now the logout test", "tidy up the fixtures")[act.round % 3])
    await act.client.suggest()


async def near_compaction(act: Act) -> None:
    """Holds most of the window, grows by a steady amount, and compacts when it is full."""
    act.continues("rewrite README", 918_000)
    missing = 930_000 - act.context_tokens if act.round else 0  # much is read again after a compaction
    page = f"a page [[tokens:{max(7_000, missing // 4)}]]"
    act.outcomes["Read"] = ToolOutcome(content=page, seconds=0.3)
    act.will_answer(
        act.reply(act.read("docs/guide.md"), thinks=40),
        act.reply(act.read("docs/install.md")),
        act.says(900, message_deltas=2),
    )
    await act.prompt(("write the next chapter", "check the links", "shorten the introduction")[act.round % 3])
    if act.context_tokens > COMPACT_AT_TOKENS:
        act.will_answer(Reply.text("<summary>The README is half done.</summary>", first_token_seconds=2.0))
        await act.client.compact("auto")


async def cache_rebuild(act: Act) -> None:
    """A large prompt is written again: first because the tools change, then because a person is away."""
    act.continues("nightly backfill", 455_000)
    small = 0 < act.context_tokens < 300_000  # compacted meanwhile: there must be something to lose again
    act.outcomes["Bash"] = ToolOutcome(
        content="a long plan [[tokens:180000]]" if small else "ok", seconds=1.5
    )
    act.will_answer(act.reply(act.bash("make backfill-plan"), thinks=50), act.says(300))
    await act.prompt(("now the archive", "and the week before", "and the late events")[act.round % 3])
    name = ("mcp__jira__search", "mcp__grafana__query", "mcp__sentry__issues")[act.round % 3]
    act.client.main.tools = [*act.client.main.tools[:12], tool(name, "etl")]
    act.will_answer(act.reply(ToolUse(name, {"query": "backfill"})), act.says(500))
    await act.prompt("look for the ticket")


async def other_model(act: Act) -> None:
    """Asks for one model and is answered by another."""
    act.continues("push tokens", 78_000)
    served = "claude-sonnet-5-5" if act.round % 3 != 2 else None
    act.will_answer(
        act.reply(act.read("push/tokens.kt"), thinks=70, model=served),
        act.reply(act.bash("./gradlew test"), model=served),
        act.says(600, model=served),
    )
    await act.prompt(
        ("use the new interface", "register the device again", "drop dead tokens")[act.round % 3]
    )


async def tool_loop(act: Act) -> None:
    """Runs the same command again and again, with the same result, until a person stops it."""
    act.continues("migrate db", 182_000)
    failure = "Exit code 1\nrelation orders_v2 already exists"
    act.outcomes["Bash"] = ToolOutcome(content=failure, is_error=True, seconds=1.2)
    again = [act.reply(act.bash("make migrate"), thinks=20) for _ in range(7)]
    act.will_answer(*again, act.says(180))
    await act.prompt(("run the migration", "try the migration again")[act.round % 2])


async def stalled(act: Act) -> None:
    """The answer stops in the middle, without an error and without a byte; a person presses Esc."""
    act.continues("drift check", 268_000)
    act.will_answer(
        act.reply(act.bash("terraform plan"), thinks=40),
        act.reply(Text(act.prose(120)), Pause(_STALL_SECONDS), Text(act.prose(10))),
    )
    await act.prompt_and_escape(("which of them drift?", "go on")[act.round % 2], _STALL_SECONDS * 0.75)
    act.will_answer(act.reply(act.bash("terraform show"), thinks=20), act.says(350))
    await act.prompt("again, please")


async def agents(act: Act) -> None:
    """Three agents at once, one with an agent of its own, then one in the background."""
    act.continues("index rebuild plan", 141_000)
    jobs = ("find every query builder", "list slow queries", f"measure index {act.round}")
    kinds = ("Explore", "Plan", "general-purpose")
    calls = [
        ToolUse("Agent", {"description": prompt[:20], "prompt": prompt, "subagent_type": kind})
        for prompt, kind in zip(jobs, kinds, strict=True)
    ]
    act.will_answer(act.reply(*calls, thinks=60), act.says(400))
    act.will_answer(act.reply(act.bash("rg -n QueryBuilder"), thinks=30), act.says(480), agent=jobs[0])
    act.will_answer(
        act.reply(act.read("slow.log")), act.reply(act.read("index.py")), act.says(150), agent=jobs[1]
    )
    deeper = {"description": "time it", "prompt": f"time index {act.round}", "subagent_type": "Explore"}
    act.will_answer(act.reply(ToolUse("Agent", deeper)), act.says(90), agent=jobs[2])
    await act.prompt(("split the work", "and for the archive")[act.round % 2])
    watch = {
        "description": "watch the build",
        "prompt": f"watch build {act.round}",
        "subagent_type": "general-purpose",
        "run_in_background": True,
    }
    act.will_answer(act.reply(ToolUse("Agent", watch)), act.says(30), act.says(60))
    act.will_answer(
        act.reply(act.bash("gh run watch"), thinks=20), act.says(40), agent=f"watch build {act.round}"
    )
    await act.prompt("start the build and tell me")
    await act.client.wake()


async def overloaded(act: Act) -> None:
    """Overloads, a rate limit and a broken stream; the client tries again each time."""
    act.continues("invoice rounding", 54_000)
    busy = Reply.failure(529, "Overloaded", first_token_seconds=0.4)
    limited = Reply.failure(429, "Too many requests", retry_after_seconds=4, first_token_seconds=0.2)
    act.will_answer(
        busy, busy, act.reply(act.read("rounding.py"), thinks=50),
        limited, act.reply(act.bash("pytest -q"), thinks=20),
        act.says(60, error="overloaded_error"), act.says(380),
    )  # fmt: skip
    await act.prompt(("half a cent is lost", "and for credit notes")[act.round % 2])


def _profile(project: str, branch: str, *, model: str = "claude-opus-5-5", cache_ttl: str = "1h") -> Profile:
    return Profile(
        cwd=f"/home/demo/src/{project}",
        branch=branch,
        model=model,
        cache_ttl=cache_ttl,
        oauth_token=FAKE_PLAN_TOKEN,
    )


STORIES: Final = (
    Story(name="healthy", profile=_profile("webshop", "fix-login", cache_ttl="5m"), play=healthy,
          begins_after_seconds=0.0, rest_seconds=25),
    Story(name="near_compaction", profile=_profile("docs", "main", cache_ttl="5m"), play=near_compaction,
          begins_after_seconds=0.1, rest_seconds=90),
    Story(name="cache_rebuild", profile=_profile("etl", "backfill", cache_ttl="5m"), play=cache_rebuild,
          begins_after_seconds=0.2, rest_seconds=330),
    Story(name="other_model", profile=_profile("mobile", "push"), play=other_model,
          begins_after_seconds=0.3, rest_seconds=20),
    Story(name="tool_loop", profile=_profile("orders-api", "migrate"), play=tool_loop,
          begins_after_seconds=0.4, rest_seconds=30),
    Story(name="stalled", profile=_profile("infra", "main", model="claude-sonnet-5-5"), play=stalled,
          begins_after_seconds=0.5, rest_seconds=20),
    Story(name="agents", profile=_profile("search", "reindex"), play=agents,
          begins_after_seconds=0.6, rest_seconds=40),
    Story(name="overloaded", profile=_profile("billing", "rounding"), play=overloaded,
          begins_after_seconds=0.7, rest_seconds=30),
)  # fmt: skip
