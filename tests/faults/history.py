"""The part of the campaign about the history: kills, cuts and flips, as a section of docs/reliability.md."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw

from clauditor.store.database import SCHEMA_VERSION
from faults.durability import CLASSES, Tried, break_whole, cut_log, flip, kill_often, write_history
from faults.report import Section
from faults.upgrades import kill_at_each_statement

KILLS = 1000
CUTS = 1200
FLIPS = 1000
UP_SECONDS = 5.0


def history(directory: Path) -> Section:
    """A thousand kills, every place the log may end at, ten kinds of corruption, a thousand flips."""
    logging.disable(logging.ERROR)  # what is broken is said to be, a thousand times
    section = Section()
    (directory / "kills").mkdir()
    kills = kill_often(directory / "kills", times=KILLS)
    section.complaints += kills.complaints[:20]
    section.say(
        f"**{kills.kills:,} times kill -9** at random moments of a process that writes turns, checkpoints every 30 pages"
        f" and goes on with the same file; {kills.while_opening} of them before its first batch."
        f" {kills.acknowledged:,} turns were acknowledged (committed, and the writing process had told so);"
        f" {kills.found:,} are there, **{0 if not kills.complaints else 'not 0'} lost**, integrity checked after every ten."
    )
    upgrades = [kill_at_each_statement(version) for version in range(SCHEMA_VERSION)]
    section.complaints += [why for _, complaints in upgrades for why in complaints]
    section.say(
        f"**Killed before each statement** of bringing a file of each schema there was to the newest, or of beginning one:"
        f" {sum(number for number, _ in upgrades)} kills, after each the old schema or a newer one, whole, with every row."
    )
    written = write_history(directory)
    cuts = cut_log(directory, written, cuts=CUTS)
    section.say(
        f"**The log cut at {CUTS:,} places** of its {len(written.torn['-wal']):,} bytes: {_fates(cuts)}. A longer log"
        " never shows less."
    )
    breaks, fates = break_whole(directory, written)
    section.say(
        f"**{len(CLASSES)} kinds of corruption**, each of a history that was closed and of one with a log (SQLite"
        f" {apsw.sqlite_lib_version()}):"
    )
    section.table(["what happened to it", "what became of it"], fates.items())
    flips = flip(directory, written, times=FLIPS)
    slowest = max(each.slowest for each in (cuts, breaks, flips))
    section.say(f"**{FLIPS:,} times one to eight bits flip**, anywhere in database or log: {_fates(flips)}.")
    section.say(
        f"Every row that was served in any of these was held against the rows that were ever written. Open and asked for"
        f" everything after {slowest:.2f} s at the most; each time something new could be recorded afterwards."
    )
    for each in (cuts, breaks, flips):
        section.complaints += each.complaints[:10]
    section.complaints += [f"up after {slowest:.1f} s only"] if slowest > UP_SECONDS else []
    logging.disable(logging.NOTSET)
    return section


def _fates(tried: Tried) -> str:
    return ", ".join(f"{count:,} {fate}" for fate, count in sorted(tried.fates.items()))
