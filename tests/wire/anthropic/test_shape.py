"""What of the prompt cache can still be used shows in the digests of two requests."""

from __future__ import annotations

from typing import Any

from clauditor.model.events import AttemptStarted
from clauditor.model.request_shape import MESSAGE_BYTES, RequestShape
from support.messages_api import HEADERS, Player, assistant, request, text, user

CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def shape(*messages: Any, betas: str = "", **more: Any) -> RequestShape:
    event = Player().ask(request(*messages, **more), {**HEADERS, "anthropic-beta": betas}).one(AttemptStarted)
    assert event.shape is not None
    return event.shape


def test_tools_are_named_in_order_and_differ_by_their_definition() -> None:
    one = shape(tools=[{"name": "Bash", "input_schema": {"a": 1}}, {"name": "Read"}])
    same = shape(tools=[{"name": "Bash", "input_schema": {"a": 1}}, {"name": "Read", **CACHED}])
    other = shape(tools=[{"name": "Bash", "input_schema": {"a": 2}}, {"name": "Read"}])
    assert [name for name, _, _ in one.tools] == ["Bash", "Read"]
    assert one.tools == same.tools
    assert one.tools[0] != other.tools[0]
    assert one.tools[1] == other.tools[1]


def test_the_system_digest_ignores_cache_marks_and_the_counting_block() -> None:
    def system(first: str, second: str, **mark: Any) -> tuple[tuple[str, int], ...]:
        billing = text(f"x-anthropic-billing-header: cc_version=2; cc_prev_req={first};")
        return shape(system=[billing, text(second, **mark)]).system

    assert system("req_1", "be good") == system("req_2", "be good", **CACHED)
    assert system("req_1", "be good") != system("req_1", "be better")
    assert shape(system="be good").system == shape(system=[text("be good")]).system


def test_the_common_beginning_of_two_conversations_can_be_measured() -> None:
    first = shape(user(text("a", **CACHED)), assistant("b")).messages
    second = shape(user("a"), assistant("b"), user("c")).messages
    assert len(first) == 2 * MESSAGE_BYTES
    assert second.startswith(first)
    assert not shape(user("a"), assistant("x"), user("c")).messages.startswith(first)


def test_what_else_the_cache_depends_on_is_told() -> None:
    found = shape(
        betas="b-2, a-1,b-2, not one",
        output_config={"effort": "high"},
        thinking={"type": "enabled", "budget_tokens": 31999},
        speed="fast",
    )
    assert found.betas == ("a-1", "b-2")
    assert (found.effort, found.thinking, found.speed) == ("high", "enabled:31999", "fast")
    assert shape(thinking={"type": "adaptive"}).thinking == "adaptive"


def test_nonsense_is_unknown() -> None:
    found = shape(tools=5, system=6, thinking=7, speed=8, output_config=9)
    assert (found.tools, found.effort, found.thinking, found.speed) == ((), None, None, None)
