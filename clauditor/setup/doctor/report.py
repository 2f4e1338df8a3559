"""The report: every check's finding, as lines for a person and as JSON for a program."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.setup.doctor.catalogue import CHECKS
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Level
from clauditor.text import clean

SCHEMA_VERSION: Final = 1
SIGNS: Final[dict[Level, str]] = {"ok": "  ", "note": "! ", "problem": "!!"}  # as on every screen
TITLES: Final = {
    "proxy": "Proxy and sidecar",
    "claude": "Claude Code",
    "machine": "This machine",
    "drill": "Drill: a private proxy and sidecar between pretend clients and a pretend vendor",
}
_NAME_CELLS: Final = 16
_INDENT: Final = " " * (len("!! problem  ") + _NAME_CELLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the report; `level` is that of the finding it belongs to, None for a title."""

    text: str
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finding under its name and topic."""

    name: str
    topic: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    entries: tuple[Entry, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries if entry.finding.level == "problem")


def examine(facts: Facts, checks: Sequence[Check] = CHECKS) -> Report:
    return Report(
        entries=tuple(Entry(name=one.name, topic=one.topic, finding=one.check(facts)) for one in checks)
    )


def lines(report: Report, width: int, *, verbose: bool = False) -> Iterator[Line]:
    """Sign, word, name and text, below it the remedy, all within `width` cells; the last line sums up.

    With `verbose` also the details.
    """
    topic: str | None = None
    for entry in report.entries:
        finding = entry.finding
        if entry.topic != topic:
            topic = entry.topic
            yield Line(text=TITLES[topic])
        head = f"{SIGNS[finding.level]} {finding.level:<8} {entry.name:<{_NAME_CELLS}}"
        texts = [(head, finding.text)]
        if finding.remedy and finding.level != "ok":
            texts.append((_INDENT, f"-> {finding.remedy}"))
        texts += [(_INDENT, detail) for detail in finding.details if verbose]
        for first, text in texts:
            for row in _rows(first, clean(text), width):
                yield Line(text=row, level=finding.level)
    yield Line(text=summary(report))


def summary(report: Report) -> str:
    found = report.problems
    notes = sum(entry.finding.level == "note" for entry in report.entries)
    noted = f", {notes} note{'' if notes == 1 else 's'}" if notes else ""
    if not found:
        return f"No problem{noted}."
    if len(found) == 1:
        return f"1 problem{noted}: {found[0]}."
    return f"{len(found)} problems{noted}. Begin with: {found[0]}."


def as_json(report: Report) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "problems": len(report.problems),
        "checks": [
            {
                "name": entry.name,
                "topic": entry.topic,
                "level": entry.finding.level,
                "text": clean(entry.finding.text),
                "remedy": _remedy(entry.finding),
                "details": [clean(detail) for detail in entry.finding.details],
            }
            for entry in report.entries
        ],
    }


def _remedy(finding: Finding) -> str | None:
    return None if finding.remedy is None or finding.level == "ok" else clean(finding.remedy)


def _rows(head: str, text: str, width: int) -> list[str]:
    """The text behind its head, the rows after the first one indented as far."""
    return textwrap.wrap(
        head + text,
        max(width, 2 * len(_INDENT)),
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
