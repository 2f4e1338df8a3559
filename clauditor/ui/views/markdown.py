"""A document as Markdown (CommonMark with GFM's tables): to keep, to mail, to paste into an issue.

Names are foreign text. What could be a link, a mention, HTML, emphasis, code or the end of a table's cell is
escaped; what stands at the start of a line is ours.
"""

from __future__ import annotations

import re
from typing import Final

from clauditor.ui.views.document import Document, Facts, Section, Steps, Table
from clauditor.ui.views.segments import KEEP

_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>|~#&@$]")
_AUTOLINKS: Final = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)


def markdown(document: Document) -> str:
    """The whole document; ends with a line end."""
    blocks = [f"# {escape(document.title)}", escape(document.about)]
    for section in document.sections:
        blocks += _blocks(section)
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """Cleaned text that Markdown shows as it is."""
    escaped = _SPECIAL.sub(lambda found: "\\" + found[0], text.replace(KEEP, " "))
    return _AUTOLINKS.sub(lambda found: "\\" + found[0], escaped)


def _blocks(section: Section) -> list[str]:
    match section:
        case Facts(rows=rows):
            body = "\n".join(f"- **{tag.capitalize()}:** {escape(text)}" for tag, text in rows if text)
        case Steps(items=items):
            body = "\n".join(
                f"{number}. {escape(text)}" + (f" *{escape(why)}*" if why else "")
                for number, (text, why) in enumerate(items, 1)
            )
        case Table():
            body = _table(section)
    if not body:
        return []
    title = section.title[:1].upper() + section.title[1:]
    return [f"## {escape(title)}", body] if section.title else [body]


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    head = _cells([column.title for column in table.columns])
    rule = "|" + "|".join(" ---: " if column.align == "right" else " --- " for column in table.columns) + "|"
    rows = [_cells(row.cells) for row in table.rows]
    notes = [f"\n{escape(note)}" for note in table.notes]
    return "\n".join([head, rule, *rows, *notes])


def _cells(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"
