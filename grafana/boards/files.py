"""The four dashboards: what they share, in which order they stand, and their files.

Panels are placed in rows of 24 columns; every section is a row with a heading. The first section has none: it is what
is read in the morning.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationTarget,
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.boards import cache, overview, proxy, tools
from grafana.boards.content import Content
from grafana.boards.parts import SOURCE

CONTENTS: Final = (overview.CONTENT, cache.CONTENT, tools.CONTENT, proxy.CONTENT)
TAG: Final = "clauditor"
_WIDTH: Final = 24


def files() -> dict[str, str]:
    """File name -> text of every dashboard, the same bytes each time."""
    return {f"{content.uid}.json": _text(content) for content in CONTENTS}


def _text(content: Content) -> str:
    board = _dashboard(content).build()
    for variable in (board.templating.list_val if board.templating else None) or ():
        variable.auto = variable.auto_min = variable.auto_count = (
            None  # of variables that are intervals: not ours
        )
    return json.dumps(board, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard(content: Content) -> dashboard.Dashboard:
    board = (
        dashboard.Dashboard(f"Clauditor: {content.title}")
        .uid(content.uid)
        .description(content.says)
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .link(_links())
        .annotation(_starts())
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for name in content.variables:
        board.with_variable(_names(name))
    number = 0
    for section in content.sections:
        number += 1
        if section.title:
            board.with_row(dashboard.Row(section.title).id(number))
        for panel in section.panels:
            number += 1
            board.with_panel(panel.id(number))
    return board


def _names(label: str) -> dashboard.QueryVariable:
    """Choose some models or projects; "All" asks for no names, so that none is missed."""
    query = f"label_values(clauditor_turns_total, {label})"
    return (
        dashboard.QueryVariable(label)
        .label(label.capitalize())
        .datasource(SOURCE)
        .query({"query": query, "refId": label})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .hide(VariableHide.DONT_HIDE)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _links() -> dashboard.DashboardLink:
    """The other dashboards, in a bar at the top."""
    return (
        dashboard.DashboardLink("Clauditor")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
        .as_dropdown(False)
    )


class _Start(Builder[AnnotationTarget]):
    """What marks the line. The SDK's own target fits Grafana's own annotations only, not a query."""

    def build(self) -> AnnotationTarget:
        query: Any = {
            "expr": "time() - clauditor_process_start_time_seconds < $__rate_interval_ms / 1000",
            "refId": "starts",
        }
        return cast("AnnotationTarget", query)


def _starts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Sidecar starts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("light-purple")
        .target(_Start())
    )
