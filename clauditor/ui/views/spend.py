"""What was spent: the table that `clauditor spend` prints, and the same for programs as CSV.

Source: `/api/v1/spend` (schema version 1). CSV: RFC 4180 with bare line feeds. A name that a spreadsheet would
take for a formula gets an apostrophe before it (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clauditor.names import model_name
from clauditor.text import width
from clauditor.ui.views import units
from clauditor.ui.views.fields import float_of, int_of, map_of, text_of
from clauditor.ui.views.segments import Line, Role, Segment, clip, fit, line

TOKENS: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "thinking")
UNKNOWN_KEY: Final = "(unknown)"
_FIGURES: Final = (("CALLS", 7), ("IN", 6), ("OUT", 6), ("READ", 6), ("WRITE", 6))
_MIN_KEY: Final = 10
_MONEY: Final = 13
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentRow:
    """One row; `key` is None for the unknown, `project` the one of a branch. Strings are safe to show."""

    key: str | None
    project: str | None
    calls: int
    turns: int
    tokens: Mapping[str, int]
    cost_usd: float | None
    complete: bool
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentTable:
    by: str
    days: int
    rows: tuple[SpentRow, ...]
    total: SpentRow


def spent_table(answer: Mapping[str, Any]) -> SpentTable:
    """Reads the API's answer. Never raises on what it holds."""
    rows = answer.get("rows")
    return SpentTable(
        by=text_of(answer.get("by")) or "day",
        days=int_of(answer.get("days")) or 0,
        rows=tuple(_row(map_of(row)) for row in rows) if isinstance(rows, list) else (),
        total=_row(map_of(answer.get("total"))),
    )


def spent_lines(table: SpentTable, cells: int) -> list[Line]:
    """The table with its total, under its titles."""
    names = [*(_name(row, table.by) for row in table.rows), "total"]
    room = max(_MIN_KEY, cells - 1 - _MONEY - sum(size + 1 for _, size in _FIGURES))
    key = min(max(width(name) for name in (*names, table.by)), room)
    titles = [fit(table.by.upper(), key), *(fit(title, size, "right") for title, size in _FIGURES)]
    lines: list[Line] = [(Segment(" ".join([*titles, fit("COST", _MONEY, "right")]), "head"),)]
    for row, name in zip((*table.rows, table.total), names, strict=True):
        role: Role = "strong" if row is table.total else "plain"
        figures = (str(row.turns), *(units.tokens(count) for count in _counts(row)))
        shown = [
            fit(name, key),
            *(fit(text, size, "right") for text, (_, size) in zip(figures, _FIGURES, strict=True)),
        ]
        money = units.price(row.cost_usd, estimated=row.estimated, complete=row.complete)
        lines.append((Segment(" ".join([*shown, fit(money, _MONEY, "right")]), role),))
    lines += _notes(table)
    return [clip(shown, cells) for shown in lines]


def spent_csv(table: SpentTable) -> str:
    """A header and a line a row, without a total. Numbers are plain; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    places = ("project", "branch") if table.by == "branch" else (table.by,)
    tokens = (f"{name}_tokens" for name in TOKENS)
    writer.writerow((*places, "calls", "turns", *tokens, "cost_usd", "cost_complete", "cost_estimated"))
    for row in table.rows:
        names = (row.project, row.key) if table.by == "branch" else (row.key,)
        writer.writerow(
            (
                *(_harmless(name or "") for name in names),
                *(row.calls, row.turns, *(row.tokens[name] for name in TOKENS)),
                "" if row.cost_usd is None else f"{row.cost_usd:.6f}",
                *(str(flag).lower() for flag in (row.complete, row.estimated)),
            )
        )
    return text.getvalue()


def _row(fields: Mapping[str, Any]) -> SpentRow:
    tokens = map_of(fields.get("tokens"))
    return SpentRow(
        key=text_of(fields.get("key")),
        project=text_of(fields.get("project")),
        calls=int_of(fields.get("calls")) or 0,
        turns=int_of(fields.get("turns")) or 0,
        tokens={name: int_of(tokens.get(name)) or 0 for name in TOKENS},
        cost_usd=float_of(fields.get("cost_usd")),
        complete=fields.get("cost_complete") is not False,
        estimated=fields.get("estimated") is not False,
    )


def _counts(row: SpentRow) -> tuple[int, int, int, int]:
    tokens = row.tokens
    written = tokens["cache_write_5m"] + tokens["cache_write_1h"]
    return tokens["input"], tokens["output"], tokens["cache_read"], written


def _name(row: SpentRow, by: str) -> str:
    if by == "branch":
        return f"{row.project or UNKNOWN_KEY} {row.key or UNKNOWN_KEY}"
    name = row.key or UNKNOWN_KEY
    return model_name(name) if by == "model" else name


def _notes(table: SpentTable) -> list[Line]:
    """What the marks mean, where there are any."""
    notes = []
    if table.total.cost_usd is not None and table.total.estimated:
        notes.append("~ list price, not what a plan is billed")
    if not table.total.complete:
        notes.append(">= at least: not everything was seen or has a known price")
    return [line(Segment(note, "dim")) for note in notes]


def _harmless(name: str) -> str:
    return "'" + name if name.startswith(_FORMULA) else name
