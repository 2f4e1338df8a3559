"""Grafana's dashboards as data, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
A_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Question:
    """One query of one panel."""

    dashboard: str
    panel: str
    ref: str
    expr: str
    instant: bool
    unit: str
    legend: str

    def filled(self, shown_seconds: float, rate_seconds: float) -> str:
        """The expression with Grafana's own variables filled in, and "All" chosen everywhere."""
        return fill(self.expr, shown_seconds, rate_seconds)


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Panels with queries; headings left out."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def questions(path: Path) -> Iterator[Question]:
    for panel in panels(load(path)):
        for target in panel["targets"]:
            expr = target["expr"]
            if panel.get("timeFrom") == "now/d":  # today; a test may run just after midnight
                expr = expr.replace("$__range_s", str(A_DAY_SECONDS)).replace("$__range", f"{A_DAY_SECONDS}s")
            yield Question(
                dashboard=path.stem,
                panel=panel["title"],
                ref=target["refId"],
                expr=expr,
                instant=target.get("instant", False),
                unit=panel["fieldConfig"]["defaults"]["unit"],
                legend=target.get("legendFormat", ""),
            )


def fill(expr: str, shown_seconds: float, rate_seconds: float) -> str:
    seconds, milliseconds = max(1, round(shown_seconds)), round(rate_seconds * 1000)
    values = {
        "$__range_s": f"{seconds}",
        "$__range": f"{seconds}s",
        "$__rate_interval_ms": f"{milliseconds}",
        "$__rate_interval": f"{milliseconds}ms",
        "$__interval": f"{milliseconds}ms",  # of a bar; Grafana's are minutes long
    }
    filled = expr
    for name, value in values.items():  # the longer name comes first
        filled = filled.replace(name, value)
    filled = re.sub(r"\$(model|project)\b", ".*", filled)
    assert "$" not in filled, expr
    return filled
