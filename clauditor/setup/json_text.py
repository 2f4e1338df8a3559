"""PURE. One change in a JSON text that leaves every other byte of it as it is: indentation, order, numbers, escapes.

A settings file is written by its owner, by editors and by the client, each in its own style, and often kept under
version control; reading it and writing it anew would touch all of it. Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # the decoder's own, not in its stubs
from typing import Any, Final

MISSING: Final = object()
Step = str | int
"""A member's name, or a position in an array."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()
_USUAL_INDENT: Final = "  "  # what the client writes


@dataclass(frozen=True, slots=True)
class _Child:
    """One member or item: where it begins (at its name, if it has one), where its value begins, where it ends."""

    step: Step
    start: int
    value: int
    end: int


def parse(text: str) -> dict[str, Any]:
    """The object that a text holds; one of nothing but white space holds an empty one.

    Raises ValueError, with a reason in words, for what is no JSON object or names a member twice.
    """
    if not text.strip(" \t\r\n"):
        return {}
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON that can be read ({error.msg} in line {error.lineno})") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - it is a wrong value to whoever wrote it
    return value


def get(value: Any, path: Sequence[Step]) -> Any:
    """What a parsed value holds at a path; MISSING if there is nothing."""
    for step in path:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
        ):
            value = value[step]  # type: ignore[index]  # the two were told apart above
        else:
            return MISSING
    return value


def put(text: str, path: Sequence[Step], value: Any) -> str:
    """The text with a value at a path, whose last step may be new: a member's name, or the end of an array.

    `text` has passed `parse`. Objects on the way that are missing are made.
    """
    if not text.strip(" \t\r\n"):
        text = "{}" + (text or "\n")
    start, depth = _value_at(text, 0), 0
    for position, step in enumerate(path):
        children = _children(text, start)
        found = next((child for child in children if child.step == step), None)
        is_last = position == len(path) - 1
        if found is None:
            for missing in reversed(path[position + 1 :]):
                value = [value] if isinstance(missing, int) else {missing: value}
            return _inserted(text, start, children, depth, step, value)
        if is_last:
            shown = _dumped(text, value, _indent_of(text, found.start, depth + 1))
            return text[: found.value] + shown + text[found.end :]
        start, depth = found.value, depth + 1
    raise ValueError("a path has at least one step")


def drop(text: str, path: Sequence[Step]) -> str:
    """The text without what is at a path; unchanged if nothing is there."""
    if not text.strip(" \t\r\n"):
        return text
    start = _value_at(text, 0)
    for step in path[:-1]:
        found = next((child for child in _children(text, start) if child.step == step), None)
        if found is None:
            return text
        start = found.value
    children = _children(text, start)
    index = next((index for index, child in enumerate(children) if child.step == path[-1]), None)
    if index is None:
        return text
    if len(children) == 1:
        close = _SPACE.match(text, children[0].end).end()  # type: ignore[union-attr]  # it matches anything
        return text[: start + 1] + text[close:]
    if index == 0:
        return text[: children[0].start] + text[children[1].start :]
    return text[: children[index - 1].end] + text[children[index].end :]


def _children(text: str, start: int) -> list[_Child]:
    """Members or items of the value that begins at `start`; none if it is neither object nor array."""
    children: list[_Child] = []
    if text[start] not in "{[":
        return children
    at = _value_at(text, start + 1)
    while text[at] not in "}]":
        begin, step = at, len(children)
        name: Step = step
        if text[start] == "{":
            name, at = scanstring(text, at + 1)
            at = _value_at(text, _value_at(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        children.append(_Child(name, begin, at, end))
        at = _value_at(text, end)
        if text[at] == ",":
            at = _value_at(text, at + 1)
    return children


def _value_at(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches anything


def _inserted(text: str, start: int, children: Sequence[_Child], depth: int, step: Step, value: Any) -> str:
    """A further member or item at the end, in the manner of the one before it."""
    name = "" if isinstance(step, int) else json.dumps(step) + ": "
    if children:
        last = children[-1]
        before = _space_before(text, last.start)
        indent = _after_line_break(before)
        return text[: last.end] + "," + before + name + _dumped(text, value, indent) + text[last.end :]
    close = _value_at(text, start + 1)
    unit = _unit(text)
    if unit is None:
        return text[: start + 1] + name + _dumped(text, value, None) + text[close:]
    outer, line = unit * depth, _line_break(text)
    inner = outer + unit
    body = line + inner + name + _dumped(text, value, inner) + line + outer
    return text[: start + 1] + body + text[close:]


def _dumped(text: str, value: Any, indent: str | None) -> str:
    """A value in the style of the text; `indent` is that of the line it begins on, None: all on one line."""
    unit = _unit(text)
    if indent is None or unit is None:
        return json.dumps(value)
    lines = json.dumps(value, indent=unit).split("\n")
    return (_line_break(text) + indent).join(lines)


def _indent_of(text: str, start: int, depth: int) -> str | None:
    before = _space_before(text, start)
    unit = _unit(text)
    return _after_line_break(before) if "\n" in before else None if unit is None else unit * depth


def _space_before(text: str, at: int) -> str:
    begin = at
    while begin and text[begin - 1] in " \t\r\n":
        begin -= 1
    return text[begin:at]


def _after_line_break(space: str) -> str | None:
    return space.rpartition("\n")[2] if "\n" in space else None


def _unit(text: str) -> str | None:
    """What one level is indented by; None for a text that is all on one line."""
    start = _value_at(text, 0)
    first = _value_at(text, start + 1)
    if text[first] in "}]":
        return _USUAL_INDENT
    before = _after_line_break(text[start + 1 : first])
    return None if before is None else before or _USUAL_INDENT


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"two members of the same name ({json.dumps(name)[:40]})")
        members[name] = value
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"no JSON that can be read ({name} is no number)")
