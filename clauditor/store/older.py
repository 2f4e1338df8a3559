"""Packed sessions as older versions wrote them, put into the words of this one.

A field that a later version added has its default; only what was moved or renamed is told here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_OF_0_1: Final = b"prompt_ids"  # a field of the first version only, near the beginning of a state


def in_new_words(packed: bytes) -> bytes:
    """The session in the form that `model.packing` reads. Raises msgspec.DecodeError for what is none."""
    if _OF_0_1 not in packed[:1024]:
        return packed
    state = msgspec.msgpack.decode(packed)
    if not isinstance(state, dict) or "prompt_ids" not in state:
        return packed
    return msgspec.msgpack.encode(_from_0_1(state))


def _from_0_1(state: dict[str, Any]) -> dict[str, Any]:
    for agent in state.get("tree", {}).get("agents", {}).values():
        for turn in (agent.get("turn"), *agent.get("unanswered", ())):
            if turn is not None:
                turn.setdefault("model", agent.get("requested") or "")
    return state | {
        "prompting": {"count": state["prompts"], "ids": state["prompt_ids"]},
        "asides": {"calls": state["side_calls"], "tokens": state["side_tokens"], "bill": state["side_bill"]},
        "tools": {"by_name": state["tools"]},
    }
