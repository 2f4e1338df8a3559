"""Lines as bytes for a terminal: roles become colours where there are any. Sources: ECMA-48 SGR; no-color.org."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clauditor.ui.views.segments import Line, Role, plain

# The sixteen colours that every terminal maps to its own theme.
_CODES: Final[Mapping[Role, str]] = {
    "dim": "2",
    "strong": "1",
    "head": "1",
    "act": "1;31",
    "watch": "33",
    "good": "32",
    "accent": "36",
    "rule": "2",
}


def has_colours(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to write colours: on a terminal that knows them, unless NO_COLOR says no."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


def painted(line: Line, *, colours: bool) -> str:
    """A line as text; each coloured piece switches its colour off again."""
    if not colours:
        return plain(line)
    return "".join(
        f"\x1b[{code}m{segment.text}\x1b[0m" if (code := _CODES.get(segment.role)) else segment.text
        for segment in line
    )
