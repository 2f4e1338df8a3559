"""A report as sections of facts, tables and steps, and how a terminal shows them (`markdown` is the other form).

Texts are cleaned already, as everything that the views make; whoever renders a document only lays it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

from clauditor.text import width as cells_of
from clauditor.ui.views.segments import Align, Line, Role, Segment, clip, fit, line, line_width, wrap

_TAG_CELLS: Final = 7
_CELL_LIMIT: Final = 26  # of a column that does not wrap: names may be long, figures are not
_MIN_TEXT_CELLS: Final = 16
_MAX_TEXT_CELLS: Final = 110  # longer lines are hard to read, however wide the screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Short texts, each under its tag."""

    title: str = ""
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`wraps`: takes what the others leave; at most one column of a table does. `may_go`: where room is short."""

    title: str
    align: Align = "left"
    wraps: bool = False
    may_go: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    cells: tuple[str, ...]
    role: Role = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`is_titled`: its columns need their titles; where they do not, a terminal shows the table's own alone."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    is_titled: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Numbered sentences, each with what it comes from."""

    title: str
    items: tuple[tuple[str, str], ...]


Section = Facts | Table | Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    title: str
    about: str
    sections: tuple[Section, ...]


def document_lines(document: Document, width: int) -> list[Line]:
    """The document for a terminal of `width` cells; no line is wider. Empty sections are left out."""
    lines = [_rule(document, width)]
    for section in document.sections:
        shown = _section(section, width)
        if shown:
            lines += [*([line()] if len(lines) > 1 else []), *shown]
    return [clip(shown, width) for shown in lines]


def _rule(document: Document, width: int) -> Line:
    """`── post-mortem: webshop ───── main, opus-5.5 ──`."""
    left = clip(line(Segment("── ", "rule"), Segment(document.title, "strong")), width - 8)
    tail = line(Segment(f" {document.about} ", "dim"), Segment("──", "rule"))
    fill = width - line_width(left) - 1 - line_width(tail)
    if fill < 3:
        tail, fill = line(Segment("──", "rule")), width - line_width(left) - 3
    return line(*left, " ", Segment("─" * max(0, fill), "rule"), *tail)


def _section(section: Section, width: int) -> list[Line]:
    match section:
        case Facts(title=title, rows=rows):
            tag_cells = max([_TAG_CELLS, *(len(tag) + 2 for tag, _ in rows)])
            shown = [part for tag, text in rows if text for part in _tagged(tag, text, tag_cells, width)]
        case Steps(title=title, items=items):
            shown = [part for number, item in enumerate(items, 1) for part in _step(number, *item, width)]
        case Table():
            return _table(section, width)
    return [line(Segment(f" {title.upper()}", "head")), *shown] if title and shown else shown


def _tagged(tag: str, text: str, tag_cells: int, width: int) -> list[Line]:
    room = min(width - 1 - tag_cells, _MAX_TEXT_CELLS)
    wrapped = wrap(text, max(room, _MIN_TEXT_CELLS))
    heads = [f" {tag:<{tag_cells - 1}}", *[" " * tag_cells] * (len(wrapped) - 1)]
    return [line(Segment(head, "head"), *rest) for head, rest in zip(heads, wrapped, strict=True)]


def _step(number: int, text: str, why: str, width: int) -> list[Line]:
    room = max(min(width - 4, _MAX_TEXT_CELLS), _MIN_TEXT_CELLS)
    shown = wrap(text, room) + (wrap(why, room, "dim") if why else [])
    heads = [f" {number}. ", *["    "] * (len(shown) - 1)]
    return [line(head, *rest) for head, rest in zip(heads, shown, strict=True)]


def _table(table: Table, width: int) -> list[Line]:
    if not table.rows:
        return []
    table = _fitting(table, width)
    titles = _titles(table)
    widths = _widths(table, width)
    lines = [line(Segment(f" {table.title.upper()}", "head"))]
    if table.is_titled:
        lines = [_cells(table, titles, widths, "head")]
    for row in table.rows:
        lines += _row(table, row, widths)
    room = min(width - 1, _MAX_TEXT_CELLS)
    lines += [line(" ", *shown) for note in table.notes for shown in wrap(note, room, "dim")]
    return lines


def _fitting(table: Table, width: int) -> Table:
    """The table without as many of the columns that may go, last first, as there is no room for."""
    while sum(_widths(table, width)) + 2 * len(table.columns) - 1 > width:
        going = [index for index, column in enumerate(table.columns) if column.may_go]
        if not going:
            break
        kept = [index for index in range(len(table.columns)) if index != going[-1]]
        table = replace(
            table,
            columns=tuple(table.columns[index] for index in kept),
            rows=tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in table.rows),
        )
    return table


def _titles(table: Table) -> list[str]:
    """Column titles; the first column's is the table's own."""
    return [table.title.upper(), *(column.title.upper() for column in table.columns[1:])]


def _widths(table: Table, width: int) -> list[int]:
    """Cells of each column; the one that wraps has what is left, at least `_MIN_TEXT_CELLS`."""
    rows = [*([_titles(table)] if table.is_titled else []), *(row.cells for row in table.rows)]
    widths = [
        0 if column.wraps else min(_CELL_LIMIT, max(cells_of(cells[index]) for cells in rows))
        for index, column in enumerate(table.columns)
    ]
    left = width - sum(widths) - 2 * len(widths) + 1
    room = max(_MIN_TEXT_CELLS, min(left, _MAX_TEXT_CELLS))
    texts = [cells_of(cells[index]) for cells in rows for index, own in enumerate(table.columns) if own.wraps]
    return [
        min(room, max(texts)) if column.wraps else own
        for own, column in zip(widths, table.columns, strict=True)
    ]


def _row(table: Table, row: Row, widths: Sequence[int]) -> list[Line]:
    """One row; where its text needs more lines, the other columns are blank in them."""
    texts = [
        ["".join(part.text for part in shown) for shown in wrap(cell, own)] if column.wraps else [cell]
        for cell, own, column in zip(row.cells, widths, table.columns, strict=True)
    ]
    return [_cells(table, cells, widths, row.role) for cells in zip_longest(*texts, fillvalue="")]


def _cells(table: Table, cells: Sequence[str], widths: Sequence[int], role: Role) -> Line:
    shown = [
        fit(cell, own, column.align) for cell, own, column in zip(cells, widths, table.columns, strict=True)
    ]
    return line(Segment(" " + "  ".join(shown), role))
