"""The page's other screens as JSON: history, post-mortem, limits and what the last days cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.document import Document, Facts, Steps, Table
from clauditor.ui.views.fields import float_of, int_of, list_of, map_of, text_of
from clauditor.ui.views.limits import window_name
from clauditor.ui.views.listing import COLUMNS
from clauditor.ui.views.segments import KEEP
from clauditor.ui.views.session import SessionView, Window
from clauditor.ui.views.web import columns_json, limits_json, parts

_CELLS: Final = 60


def history_json(sessions: Sequence[SessionView], trouble: str | None, scene: Scene) -> dict[str, Any]:
    """Sessions live and past, in the order they came."""
    return {
        "columns": columns_json(COLUMNS, scene),
        "rows": [
            {
                "id": session.session_id,
                "name": words.full_name(session),
                "cells": [parts(column.cell(session, scene, min(column.most, _CELLS))) for column in COLUMNS],
            }
            for session in sessions
        ],
        "trouble": trouble or "",
    }


def document_json(document: Document) -> dict[str, Any]:
    """A report's sections: `facts`, `table` or `steps`. Empty ones are left out."""
    sections = [_section(section) for section in document.sections]
    return {
        "title": document.title,
        "about": document.about,
        "sections": [section for section in sections if section["rows"]],
    }


def _section(section: Facts | Table | Steps) -> dict[str, Any]:
    match section:
        case Facts(title=title, rows=rows):
            return {
                "kind": "facts",
                "title": title,
                "rows": [[tag, _kept(text)] for tag, text in rows if text],
            }
        case Steps(title=title, items=items):
            return {
                "kind": "steps",
                "title": title,
                "rows": [[_kept(text), _kept(why)] for text, why in items],
            }
        case Table():
            return {
                "kind": "table",
                "title": section.title,
                "columns": [
                    {"title": column.title if section.is_titled else "", "align": column.align}
                    for column in section.columns
                ],
                "rows": [
                    {"cells": [_kept(cell) for cell in row.cells], "role": row.role} for row in section.rows
                ],
                "notes": [_kept(note) for note in section.notes],
            }


def _kept(text: str) -> str:
    return text.replace(KEEP, " ")


def limits_page_json(
    accounts: Mapping[str, Any], spent: Mapping[str, Any], scene: Scene, trouble: str | None
) -> dict[str, Any]:
    """Every account's windows with where their pace leads (`accounts` as the summary tells them), and the last days'
    cost (`spent` as the spend table tells it).
    """
    known = [
        (text_of(account) or "", windows, text_of(map_of(about).get("billing")))
        for account, about in sorted(accounts.items())
        if (windows := _windows(map_of(map_of(about).get("windows"))))
    ]
    rows = [row for row in list_of(spent.get("rows")) if text_of(row.get("key"))]
    estimated = any(row.get("estimated") is not False for row in rows)
    return {
        "windows": limits_json([(account, windows) for account, windows, _ in known], scene),
        "days": [
            {
                "day": text_of(row.get("key")),
                "usd": float_of(row.get("cost_usd")),
                "words": units.price(
                    float_of(row.get("cost_usd")),
                    estimated=row.get("estimated") is not False,
                    complete=row.get("cost_complete") is not False,
                ),
                "calls": units.count(int_of(row.get("turns")) or 0, "call"),
            }
            for row in rows
        ],
        "money": "~$" if estimated else "$",
        "trouble": trouble or "",
    }


def _windows(windows: Mapping[str, Any]) -> list[Window]:
    found = []
    for name, about in windows.items():
        fields = map_of(about)
        used = float_of(fields.get("used_ratio"))
        if used is None:
            continue
        found.append(
            Window(
                name=text_of(name) or "unnamed",
                used_ratio=used,
                resets_at=float_of(fields.get("resets_at")),
                projected_ratio=float_of(fields.get("projected_ratio")),
                full_at=float_of(fields.get("full_at")),
                session_share=None,
            )
        )
    return sorted(found, key=lambda window: (window_name(window), window.name))
