"""Text with a meaning: the few words in which a view says how a piece of a line is meant.

A view never says a colour. A role is a hint: every meaning also stands in the text itself, so that a
line reads the same on a screen without colours, in a pipe and to a screen reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from clauditor.text import cut, width

Role = Literal["plain", "dim", "strong", "head", "act", "watch", "good", "accent", "rule"]
Align = Literal["left", "right"]


class Segment(NamedTuple):
    """A run of cleaned text without line ends, and what it means."""

    text: str
    role: Role = "plain"


Line = tuple[Segment, ...]
EMPTY: Line = ()
_TAG_CELLS: Final = 7
_MAX_TEXT_CELLS: Final = 110  # longer lines are hard to read, however wide the screen
KEEP = "\N{NO-BREAK SPACE}"
"""Stands between words that `wrap` keeps on one line."""


def line(*parts: Segment | str) -> Line:
    """A line of segments; bare strings are plain, empty ones are left out."""
    segments = (part if isinstance(part, Segment) else Segment(part) for part in parts)
    return tuple(segment for segment in segments if segment.text)


def plain(segments: Line) -> str:
    """The text of a line, without trailing blanks."""
    return "".join(segment.text for segment in segments).rstrip()


def line_width(segments: Line) -> int:
    """Cells that a line takes."""
    return sum(width(segment.text) for segment in segments)


def fit(text: str, cells: int, align: Align = "left") -> str:
    """`text` in exactly `cells` cells: cut with an ellipsis, or filled with blanks."""
    if cells <= 0:
        return ""
    short = text if width(text) <= cells else cut(text, cells)
    fill = " " * (cells - width(short))
    return fill + short if align == "right" else short + fill


def clip(segments: Line, cells: int) -> Line:
    """The part of a line that fits into `cells` cells, with an ellipsis where something was cut."""
    room = cells
    kept: list[Segment] = []
    for segment in segments:
        needed = width(segment.text)
        if needed <= room:
            kept.append(segment)
            room -= needed
            continue
        if room > 0:
            kept.append(Segment(fit(segment.text, room), segment.role))
        break
    return tuple(kept)


def spread(left: Line, right: Line, cells: int) -> Line:
    """`left` and `right` at the two ends of a line of `cells` cells; without room `left` is cut."""
    room = cells - line_width(right)
    if line_width(left) >= room:
        left = clip(left, max(0, room - 1))
    return (*left, Segment(" " * max(0, room - line_width(left))), *right)


def wrap(words: str, cells: int, role: Role = "plain") -> list[Line]:
    """`words` broken at blanks into lines of at most `cells` cells; a longer word is cut.

    What `KEEP` joins is one word here and shown with a blank. (Cleaned text never holds that character.)
    """
    lines: list[str] = []
    current = ""
    for word in words.split(" "):
        joined = f"{current} {word}" if current else word
        if width(joined) <= cells:
            current = joined
            continue
        if current:
            lines.append(current)
        current = cut(word, cells)
    if current:
        lines.append(current)
    return [(Segment(shown.replace(KEEP, " "), role),) for shown in lines]


def tagged(tag: str, text: str, width: int, role: Role = "plain") -> list[Line]:
    """A text under its tag, wrapped beside it; nothing for an empty text."""
    room = min(width - 1 - _TAG_CELLS, _MAX_TEXT_CELLS)
    wrapped = wrap(text, max(room, 8), "plain" if role == "dim" else role)
    heads = [f" {tag:<{_TAG_CELLS - 1}}", *[" " * _TAG_CELLS] * (len(wrapped) - 1)]
    return [line(Segment(head, "head"), *rest) for head, rest in zip(heads, wrapped, strict=False)]


def joined(parts: Iterable[Line], separator: str = " ") -> Line:
    """Lines set one after the other into one, empty ones left out."""
    result: list[Segment] = []
    for part in parts:
        if not part:
            continue
        if result:
            result.append(Segment(separator))
        result.extend(part)
    return tuple(result)
