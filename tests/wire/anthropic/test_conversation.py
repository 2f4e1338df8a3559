"""What the messages tell: tool results that came back, and the prompt a person typed."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.model.events import AttemptStarted, LabelFound, ToolReturned
from support.messages_api import HEADERS, Player, assistant, request, text, tool_result, tool_use, user

HISTORY = (user("fix it"), assistant(text("ok"), tool_use("toolu_1", "Bash", command="ls")))


def test_tool_results_after_the_last_answer_come_back_with_sizes_and_durations() -> None:
    calls = assistant(
        tool_use("toolu_1", "Bash", command="ls"),
        tool_use("toolu_2", "mcp__x__add"),
        tool_use("toolu_3", "Read", file_path="/a"),
    )
    value = request(
        user("go"),
        assistant(tool_use("toolu_0", "Bash")),
        user(tool_result("toolu_0", "old")),
        calls,
        user([tool_result("toolu_1", "done", is_error=False), tool_result("toolu_2", [text("5")])]),
        user([tool_result("toolu_3", "x")]),
    )
    headers = {**HEADERS, "x-claude-code-prev-tool-durations": "mcp__x__add=8;Bash=445;Read=nonsense"}
    results = Player().ask(value, headers).of(ToolReturned)
    assert [(r.tool_use_id, r.outcome, r.duration_seconds) for r in results] == [
        ("toolu_1", "ok", 0.445),
        ("toolu_2", "ok", 0.008),
        ("toolu_3", "ok", None),
    ]
    assert results[0].result_bytes == len('"done"')


def test_names_in_the_duration_header_may_be_escaped_and_parallel_calls_are_matched_in_order() -> None:
    calls = assistant(tool_use("a", "Read"), tool_use("b", "Read"), tool_use("c", "odd;name"))
    value = request(user("go"), calls, user([tool_result(i, "x") for i in "abc"]))
    headers = {**HEADERS, "x-claude-code-prev-tool-durations": "Read=1;odd%3Bname=3;Read=2"}
    results = Player().ask(value, headers).of(ToolReturned)
    assert [r.duration_seconds for r in results] == [0.001, 0.002, 0.003]


@pytest.mark.parametrize(
    "header", ["", ";;;", "=5", "Bash", "Bash=-1", "Bash=1e9", "Bash=" + "9" * 5000, "Bash=٣"]
)
def test_a_nonsense_duration_header_gives_no_duration(header: str) -> None:
    value = request(*HISTORY, user([tool_result("toolu_1", "x")]))
    player = Player().ask(value, {**HEADERS, "x-claude-code-prev-tool-durations": header})
    assert player.one(ToolReturned).duration_seconds is None


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("Exit code 1\nfailed", "error"),
        ("Exit code 143\nCommand timed out after 1s", "timeout"),
        ("<tool_use_error>InputValidationError: x", "error"),
        ("File does not exist.", "error"),
        ("This command requires approval", "denied"),
        ("A variable in this command can't be checked", "denied"),
        ("PreToolUse:Bash hook error: no", "denied"),
        ("Exit code 2\nthis step requires approval of the boss", "error"),
        ("The user doesn't want to proceed with this tool use. Stop.", "rejected"),
        ("[Request interrupted by user for tool use]", "rejected"),
        ([text("The user doesn't want to proceed with this tool use")], "rejected"),
        ([{"type": "image"}], "error"),
        (None, "error"),
    ],
)
def test_the_outcome_of_a_failed_tool_is_read_from_its_beginning(content: Any, outcome: str) -> None:
    value = request(*HISTORY, user([tool_result("toolu_1", content, is_error=True)]))
    assert Player().ask(value).one(ToolReturned).outcome == outcome


def test_the_same_words_without_the_error_mark_are_a_success() -> None:
    value = request(*HISTORY, user([tool_result("toolu_1", "Exit code 1")]))
    assert Player().ask(value).one(ToolReturned).outcome == "ok"


@pytest.mark.parametrize(
    ("first", "label"),
    [
        (user("fix the login"), "fix the login"),
        (user(text("<system-reminder>long</system-reminder>"), text("fix the login")), "fix the login"),
        (user("<system-reminder>a</system-reminder>fix <system-reminder>b</system-reminder> it"), "fix it"),
        (user("use token=abcdef please"), "use token=[redacted] please"),
        (user("fix\x1b]0;x\x07 \n this"), "fix this"),
        (user("x" * 100), "x" * 79 + "…"),
        (
            user(
                text("<command-message>r</command-message>\n<command-name>/review</command-name>"),
                text("Review the code at length"),
            ),
            "/review",
        ),
        (
            user("<command-name>/review</command-name>\n<command-args>#12 now</command-args>"),
            "/review #12 now",
        ),
        (
            user(
                text("<command-name>/model</command-name>"),
                text("<local-command-stdout>Set</local-command-stdout>"),
                text("fix the login"),
            ),
            "fix the login",
        ),
        (user("This session is being continued from a previous conversation that ran out"), None),
        (user("<bash-input>ls</bash-input>"), None),
        (user("<system-reminder>never closed"), None),
        (user([{"type": "image", "source": {}}]), None),
    ],
)
def test_the_label_is_the_first_prompt_that_a_person_typed(first: dict[str, Any], label: str | None) -> None:
    found = [
        event.label for event in Player().ask(request(first, assistant("ok"), user("go on"))).of(LabelFound)
    ]
    assert found[:1] == [label or "go on"]


@pytest.mark.parametrize(
    ("tail", "is_new"),
    [
        ((user("next"),), True),
        ((user(text("<system-reminder>x</system-reminder>"), text("next")),), True),
        ((user([tool_result("toolu_1", "x")]),), False),
        ((user([tool_result("toolu_1", "x"), text("also this")]),), False),
        ((user([tool_result("toolu_1", "x"), text("[Request interrupted by user for tool use]")]),), False),
        (
            (
                user([tool_result("toolu_1", "x"), text("[Request interrupted by user for tool use]")]),
                user("leave it"),
            ),
            True,
        ),
        ((user("<task-notification><task-id>a1</task-id>"),), False),
        ((user("[SYSTEM NOTIFICATION - NOT USER INPUT] x"),), False),
        ((user("[Request interrupted by user]"),), False),
        ((user(text("[Request interrupted by user]"), text("do it so")),), True),
        ((user("Output token limit hit. Resume directly"),), False),
        ((user("Your response above was cut off mid-stream. Resume directly"),), False),
        ((user("<bash-input>ls</bash-input>"), user("<bash-stdout>a</bash-stdout>")), False),
        ((user("<command-name>/review</command-name>"),), True),
        ((user("next"), {"role": "system", "content": "date changed"}), True),
        ((), False),
    ],
)
def test_a_new_prompt_is_what_a_person_typed(tail: tuple[Any, ...], is_new: bool) -> None:
    assert Player().ask(request(*HISTORY, *tail)).one(AttemptStarted).new_prompt is is_new


@pytest.mark.parametrize(
    ("tail", "is_wake_up"),
    [
        ((user("<task-notification><task-id>a1</task-id>"),), True),
        ((user("next"),), False),
        ((user([tool_result("toolu_1", "x")]),), False),
        ((), False),
    ],
)
def test_a_background_agents_end_wakes_the_main_thread_up(tail: tuple[Any, ...], is_wake_up: bool) -> None:
    assert Player().ask(request(*HISTORY, *tail)).one(AttemptStarted).is_wake_up is is_wake_up
