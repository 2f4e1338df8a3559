"""Strings that try to leave their place: made from a seed, as many as are asked for."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from clauditor.demo.seeded import dice

_SEQUENCES: Final = (
    # ECMA-48 and xterm: titles, clipboard, links, colours, cursor, modes, screens, reports, soft reset, images
    "\x1b]0;owned\x07", "\x1b]2;owned\x1b\\", "\x1b]52;c;b3duZWQ=\x07", "\x1b]8;;http://x.test\x1b\\", "\x1b]9;owned\x07",
    "\x1b]777;notify;owned;x\x07", "\x1b]1337;File=inline=1:AAAA\x07", "\x1b]4;1;rgb:ff/00/00\x07", "\x1b]104\x07", "\x1b]",
    "\x1b[2J", "\x1b[H", "\x1b[31m", "\x1b[0m", "\x1b[1;5r", "\x1b[?1049h", "\x1b[?25l", "\x1b[?1000h", "\x1b[?2004h",
    "\x1b[6n", "\x1b[c", "\x1b[>c", "\x1b[5n", "\x1b[21t", "\x1b[8;5;5t", "\x1b[!p", "\x1b[4h", "\x1b[20h", "\x1b[999B", "\x1b[",
    "\x1bc", "\x1b7", "\x1b8", "\x1b(0", "\x1b)B", "\x1b#8", "\x1b=", "\x1b>", "\x1bM", "\x1b", "\x1bPtmux;\x1b\x1b]0;owned\x07\x1b\\",
    '\x1bP$q"p\x1b\\', "\x1bPq#0;2;0;0;0#0~~\x1b\\", "\x1b_Gf=100;AAAA\x1b\\", "\x1b^owned\x1b\\", "\x1bXowned\x1b\\", "\x1bk owned\x1b\\",
    "\x9b31m", "\x9b2J", "\x9d0;owned\x9c", "\x90q\x9c", "\x9e", "\x9f", "\x98", "\x84", "\x85", "\x8d", "\x8e", "\x8f",
    "\x07", "\x08", "\x08 \x08", "\r", "\n", "\r\n", "\t", "\x0b", "\x0c", "\x0e", "\x0f", "\x00", "\x1a", "\x7f", "\xa0", "\xad",
)  # fmt: skip
_INVISIBLE: Final = (
    "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f", "\u061c",
    "\u200b", "\u200c", "\u200d", "\u2060", "\u2061", "\u2064", "\ufeff", "\ufffe", "\uffff", "\ufff9", "\ufffb", "\u180e", "\u034f",
    "\u115f", "\u1160", "\u17b4", "\u3164", "\uffa0", "\u2800", "\ufe00", "\ufe0f", "\U000e0100", "\U000e01ef", "\u180b",
    "\U000e0001", "\U000e0041", "\U000e007f", "\U0001d173", "\ue000", "\U000f0000", "\U0010ffff", "\u2028", "\u2029", "\u3000",
    "\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\u0378",
)  # fmt: skip
_MARKS: Final = ("\u0301", "\u0488", "\u20dd", "\u0e47", "\u0483", "\u1dff", "\ufe20", "\u0b56")
_MARKUP: Final = (
    "#{pid}", "#[fg=red]", "#(reboot)", "##", "#", "#,", "#}", "%H%M", "[bold red]x[/]", "[link=http://x]y[/link]", "[@click=app.quit]",
    "<b>x</b>", "&lt;", "<script>alert(1)</script>", "=1+1", "@SUM(A1)", "+1", "-1", "|", "`id`", "$(id)", "*x*", "\\e[31m", "\\x1b[2J",
    "{0}", "%s", "%(x)s", '"', "'", ";", ",", ":", "/", "..", "\\",
)  # fmt: skip
_TEXT: Final = (
    "a", "word", "fix the login test", " ", "  ", "日本語", "ｆｕｌｌ", "한글", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "é", "ß", "ﷺ", "مرحبا", "עברית", "हिन्दी", "𝔘", "…", "·", "≥",
)  # fmt: skip
_ALL: Final = (_SEQUENCES, _SEQUENCES, _INVISIBLE, _MARKS, _MARKUP, _TEXT, _TEXT)
_LONG: Final = (1_000, 5_000, 20_000, 100_000)
_HIDDEN: Final = frozenset(_INVISIBLE) - {"\u2028", "\u2029", "\u3000"}


class Strings:
    """Gives one hostile string after the other, and counts them."""

    def __init__(self, seed: int) -> None:
        self.given = 0
        self._dice = dice(seed, "hostile strings")

    def __call__(self) -> str:
        self.given += 1
        chance = self._dice
        kind = chance.random()
        if kind < 0.0005:
            return (chance.choice(chance.choice(_ALL)) or "x") * (chance.choice(_LONG) // 2)
        if kind < 0.01:
            return chance.choice("ae日") + chance.choice(_MARKS) * chance.randrange(1, 300)
        if kind < 0.2:  # anything that a string can hold
            return "".join(map(chr, chance.choices(_POINTS, k=chance.randrange(1, 30))))
        return "".join(chance.choice(chance.choice(_ALL)) for _ in range(chance.randrange(1, 12)))

    def many(self, count: int) -> Iterator[str]:
        return (self() for _ in range(count))


def _points() -> range | list[int]:
    """Code points, the first thousand as often as all others of the first plane."""
    few: random.Random = dice(0, "code points")
    return [*range(0x400), *range(0x2000, 0x2100), *(few.randrange(0x110000) for _ in range(4000))]


_POINTS: Final = _points()


def faults(line: str) -> str | None:
    """Why a line may not reach a terminal; None if it may. A no-break space and the like count as well."""
    if line.isascii() and line.isprintable():
        return None
    if (
        not line.isprintable()
    ):  # a control, format, surrogate, private or unassigned character, or an odd space
        bad = next(character for character in line if not character.isprintable())
        return f"U+{ord(bad):04X} {unicodedata.category(bad)}"
    if hidden := _HIDDEN.intersection(line):
        return f"U+{ord(min(hidden)):04X} shows nothing"
    marks = 0
    for character in line:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks > 2:
            return "marks piled up"
    return None


Source = Callable[[], str]
