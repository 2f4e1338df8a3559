"""The one cleaner, redactor and width of text that reaches a terminal, page, label, log or alert.

Escape sequences: ECMA-48 (CSI, OSC, DCS). Invisible and direction-changing characters: Unicode general
categories Cc, Cf, Cs, Co, Cn, and the few letters and marks that draw nothing. Widths: UAX #11, where
wide and full-width characters take two cells. What a secret looks like is in `redaction`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from clauditor.redaction import REDACTED, redact

__all__ = ["ELLIPSIS", "MAX_CHARACTERS", "REDACTED", "clean", "cut", "label", "redact", "width"]

ELLIPSIS: Final = "…"

MAX_CHARACTERS: Final = 4096  # what is ever looked at: far more than a line, little enough to be cheap
_LABEL_CHARACTERS: Final = 1024  # of a cleaned text, for a label: redacting takes about 1 ms for so many
_TORN_CHARACTERS: Final = (
    256  # at the end, of a text without spaces; longer beginnings of a secret are recognised
)
_MAX_MARKS: Final = 2  # combining marks per character; more is decoration that climbs over other lines

# An escape sequence goes with all it carries: the title of an OSC is as hostile as its ESC.
_ESCAPES: Final = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # every other escape
)
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SPACES: Final = frozenset({"Zs", "Zl", "Zp"})
_PRINTABLE_ASCII: Final = re.compile(r"[!-~]+(?: [!-~]+)*")


def clean(text: str, cells: int | None = None) -> str:
    """The text as one line that cannot harm a terminal or deceive a reader.

    Escape, control, invisible, private and direction-changing characters are gone, runs of white space
    are one space, the ends are trimmed. With `cells` the result is cut to that width and ends in an
    ellipsis. Looks at the first 4,096 characters only; never raises.
    """
    text = text[:MAX_CHARACTERS]
    if not _PRINTABLE_ASCII.fullmatch(text):
        text = _one_line(text)
    return text if cells is None else cut(text, cells)


def label(text: str, cells: int) -> str:
    """Cleaned, redacted and cut to `cells`, in this order: a cut secret would no longer be recognised.

    For the same reason nothing is shown of the last word before the end of what is looked at.
    """
    cleaned = clean(text)
    seen = redact(cleaned[:_LABEL_CHARACTERS])
    if len(cleaned) > _LABEL_CHARACTERS or len(text) > MAX_CHARACTERS:
        seen = seen[: max(seen.rfind(" "), len(seen) - _TORN_CHARACTERS, 0)]
    return cut(seen, cells)


def width(text: str) -> int:
    """How many terminal cells a cleaned text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int) -> str:
    """The longest beginning that fits into `cells`, with an ellipsis where something was left out."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    room = cells - 1
    end = 0
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        end += 1
    return text[:end].rstrip() + ELLIPSIS


def _one_line(text: str) -> str:
    kept: list[str] = []
    marks = _MAX_MARKS  # one with nothing to stand on would stand on what is before this text
    for character in _ESCAPES.sub(" ", text):
        category = unicodedata.category(character)
        if character in "\t\n\v\f\r\x85" or category in _SPACES:
            kept.append(" ")
            marks = _MAX_MARKS
        elif character in _INVISIBLE or category in _DROPPED or _selects_a_variant(character):
            continue
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= _MAX_MARKS:
                kept.append(character)
        else:
            kept.append(character)
            marks = 0
    return " ".join("".join(kept).split())


def _selects_a_variant(character: str) -> bool:
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or "\u180b" <= character <= "\u180f"
    )


def _cells(character: str) -> int:
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
