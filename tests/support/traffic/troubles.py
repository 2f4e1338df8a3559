"""What goes wrong: the attempts that come before an answer, or in place of one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from clauditor.demo import Hold, Pause, Reply, Text, Thinking, ToolUse

Outcome = Literal["http", "stream", "aborted", "proxy"]
Leaves = Literal["at_once", "at_the_mark"]
"""When the client goes away: before any answer, or once it has read the mark."""

MARK = "the mark at which the client leaves"
_ENOUGH = 0.05  # seconds in which what was sent before a reset arrives


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One attempt without a usable answer. `outcome` is how it must be told."""

    reply: Reply
    outcome: Outcome
    leaves: Leaves | None = None
    is_streamed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Failures of one call, one after the other. What follows them: an answer, one without streaming, one of
    another model, or nothing.
    """

    name: str
    failures: tuple[Failure, ...]
    then: Literal["answer", "whole_answer", "other_model", "nothing"] = "answer"


def _http(status: int, **fields: Any) -> Failure:
    return Failure(reply=Reply.failure(status, first_token_seconds=0.001, **fields), outcome="http")


def _partial(chance: random.Random) -> tuple[Thinking | Text | ToolUse, ...]:
    some = (
        Text("part " * chance.randint(1, 60)),
        Thinking("hm " * 20),
        ToolUse("Bash", {"command": "ls -l"}),
    )
    return some[: chance.randint(1, 3)]


def _cut(chance: random.Random, end: Literal["fin", "rst"]) -> Failure:
    return Failure(reply=Reply(steps=(*_partial(chance), Pause(_ENOUGH)), end=end), outcome="stream")


def troubles(chance: random.Random) -> list[Trouble]:
    """Every trouble once, with its details rolled."""
    broken = Reply.text("so far " * chance.randint(1, 80), error="overloaded_error")
    held = (Text("a story " * chance.randint(1, 40)), Text(MARK), Hold("never"))
    cut_at = chance.randint(1, 1500)
    return [
        Trouble(name="overloaded", failures=(_http(529),)),
        Trouble(name="overloaded_twice", failures=(_http(529), _http(529))),
        Trouble(name="rate_limited", failures=(_http(429, retry_after_seconds=1),)),
        Trouble(name="server_errors", failures=(_http(500), _http(503), _http(502))),
        Trouble(name="fell_back", failures=(_http(529), _http(529), _http(529)), then="other_model"),
        Trouble(name="beta_refused", failures=(_http(400),)),
        Trouble(name="too_large", failures=(_http(413),), then="nothing"),
        Trouble(name="no_key", failures=(_http(401),), then="nothing"),
        Trouble(name="broke", failures=(Failure(reply=broken, outcome="stream"),), then="whole_answer"),
        Trouble(
            name="broke_at_once",
            failures=(Failure(reply=Reply(error="api_error"), outcome="stream"),),
            then="whole_answer",
        ),
        Trouble(
            name="broke_after_a_tool",
            failures=(
                Failure(
                    reply=Reply(steps=(ToolUse("Bash", {"command": "ls"}),), error="overloaded_error"),
                    outcome="stream",
                ),
            ),
            then="whole_answer",
        ),
        Trouble(name="closed", failures=(_cut(chance, "fin"),)),
        Trouble(name="reset", failures=(_cut(chance, "rst"),)),
        Trouble(name="closed_and_reset", failures=(_cut(chance, "fin"), _cut(chance, "rst"))),
        Trouble(
            name="cut_anywhere",
            failures=(
                Failure(
                    reply=Reply.text("word " * 90, cut_after_bytes=cut_at, end="fin", encoding="identity"),
                    outcome="stream",
                ),
            ),
        ),
        Trouble(
            name="no_head",
            failures=(Failure(reply=Reply.text("", cut_after_bytes=0, end="fin"), outcome="proxy"),),
        ),
        Trouble(
            name="whole_answer_cut",
            failures=(
                Failure(
                    reply=Reply.text(
                        "word " * 90, cut_after_bytes=cut_at % 300 + 1, end="fin", encoding="identity"
                    ),
                    outcome="stream",
                    is_streamed=False,
                ),
            ),
        ),
        Trouble(
            name="whole_answer_overloaded",
            failures=(
                Failure(reply=Reply.text("", error="overloaded_error"), outcome="http", is_streamed=False),
            ),
        ),
        Trouble(
            name="escaped",
            failures=(Failure(reply=Reply(steps=held), outcome="aborted", leaves="at_the_mark"),),
            then="nothing",
        ),
        Trouble(
            name="escaped_early",
            failures=(
                Failure(
                    reply=Reply.text("late", first_token_seconds=60), outcome="aborted", leaves="at_once"
                ),
            ),
            then="nothing",
        ),
    ]
