"""Hostile strings through the cleaner and through every exit: `PYTHONPATH=tests python -m security.content [COUNT [SEED]]`.

A million by default, which takes some minutes: first each through the cleaner, then as many again through the exits.
Prints how many lines left by each exit, and how many of them could have harmed a terminal; exits 1 if any could.
"""

# ruff: noqa: T201  (a program that prints how long it took)

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from clauditor.text import MAX_CHARACTERS, clean, cut, label, width
from security.exits import EXITS, too_wide
from security.strings import Strings, faults

MILLION = 1_000_000


@dataclass(slots=True)
class Found:
    """What came of a campaign."""

    strings: int = 0
    hostile: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    harms: list[str] = field(default_factory=list)

    def harm(self, where: str, why: str) -> None:
        if len(self.harms) < 100:
            self.harms.append(f"{where}: {why}")


def cleaned(count: int, seed: int, found: Found) -> None:
    """Each string through `clean`, and cut to a few widths."""
    source = Strings(seed)
    for number, text in enumerate(source.many(count)):
        found.hostile += faults(text) is not None
        shown = clean(text)
        if (why := faults(shown)) is not None:
            found.harm("clean", why)
        if shown != shown.strip() or len(shown) > MAX_CHARACTERS or clean(shown) != shown:
            found.harm("clean", f"no fixed point: {shown[:80]!r}")
        cells = number % 60
        for short in (cut(shown, cells), *((label(text, cells),) if number % 50 == 0 else ())):
            if width(short) > cells or faults(short) is not None:
                found.harm("cut", f"{cells} cells, {short[:80]!r}")
    found.strings += source.given
    found.lines["the cleaner"] += count


def shown(count: int, seed: int, found: Found) -> None:
    """As many strings through the exits, one round after the other."""
    source = Strings(seed + 1)
    while source.given < count:
        for name, leave in EXITS.items():
            for out in leave(source):
                found.lines[name] += 1
                if (why := faults(out.line)) is not None:
                    found.harm(name, f"{why} in {out.line[:80]!r}")
                if too_wide(out):
                    found.harm(name, f"more than {out.cells} cells: {out.line[:80]!r}")
                if out.is_tmux and "#" in out.line.replace("##", ""):
                    found.harm(name, f"a single # in {out.line[:80]!r}")
    found.strings += source.given


def campaign(count: int, seed: int) -> Found:
    found = Found()
    cleaned(count, seed, found)
    shown(count, seed, found)
    return found


def main(arguments: list[str]) -> int:
    count, seed = ([int(one) for one in arguments] + [MILLION, 1][len(arguments) :])[:2]
    began = time.perf_counter()
    found = campaign(count, seed)
    print(f"{found.strings:,} strings in {time.perf_counter() - began:.0f} s, seed {seed};")
    print(f"of those for the cleaner {found.hostile:,} would have harmed a terminal as they were")
    for name, lines in found.lines.items():
        print(f"{name:<44} {lines:>12,} lines")
    print(f"harmful: {len(found.harms)}", *found.harms, sep="\n")
    return 1 if found.harms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
