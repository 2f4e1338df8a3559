"""Strings that try to leave their place on a terminal, and what must never be in an output."""

from __future__ import annotations

import unicodedata

HOSTILE = (
    "\x1b]0;owned\x07title",
    "\x1b[2Jclear\x1b[31mred",
    "\x9b31mC1",
    "line\nbreak\r\ttab\x00nul\x7fdel",
    "bidi \u202egnp.exe\u2066 x\u2069",
    "zero\u200bwidth\u200d\ufeffjoin",
    "日本語のとても長い題名がここに入ります",
    "👩‍👩‍👧‍👦 family " * 10,
    "z" + "\u0301" * 200,
    "[bold red]markup[/bold red] [link=http://x]y[/link]",
    "\ud800 lone surrogate",
    "x" * 100_000,
)


def is_harmless(text: str) -> bool:
    """Whether a line carries nothing but what can be seen."""
    return all(
        unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for character in text
    )
