"""The table of spending and its CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from clauditor.text import width
from clauditor.ui.views.screen import plain_text
from clauditor.ui.views.spend import spent_csv, spent_lines, spent_table


def row(key: str | None, usd: float | None = 1.5, *, complete: bool = True, **more: Any) -> dict[str, Any]:
    tokens = {
        "input": 10,
        "output": 2_000,
        "cache_read": 118_000,
        "cache_write_5m": 900,
        "cache_write_1h": 100,
        "thinking": 7,
    }
    spent = {
        "calls": 5,
        "turns": 4,
        "tokens": tokens,
        "cost_usd": usd,
        "cost_complete": complete,
        "estimated": True,
    }
    return {"key": key} | spent | more  # fmt: skip


def answer(*rows: dict[str, Any], by: str = "project", **total: Any) -> dict[str, Any]:
    return {"schema_version": 1, "by": by, "days": 7, "rows": list(rows), "total": row(None, 3.0, **total)}


def shown(given: dict[str, Any], cells: int = 80) -> list[str]:
    return plain_text(spent_lines(spent_table(given), cells)).splitlines()


def test_a_line_a_row_and_a_total_under_their_titles() -> None:
    assert shown(answer(row("webshop"), row(None, None), complete=False)) == [
        "PROJECT     CALLS     IN    OUT   READ  WRITE          COST",
        "webshop         4     10     2k   118k     1k        ~$1.50",
        "(unknown)       4     10     2k   118k     1k             -",
        "total           4     10     2k   118k     1k     >= ~$3.00",
        "~ list price, not what a plan is billed",
        ">= at least: not everything was seen or has a known price",
    ]


def test_money_that_is_billed_has_no_mark() -> None:
    lines = shown(answer(row("webshop", estimated=False), estimated=False))
    assert lines[1].endswith(" $1.50")
    assert lines[-1].startswith("total")


def test_a_branch_is_shown_with_its_project_and_a_model_by_its_name() -> None:
    assert shown(answer(row("main", project="webshop"), by="branch"))[1].startswith("webshop main ")
    assert shown(answer(row("claude-opus-5-5"), by="model"))[1].startswith("opus-5.5 ")


@pytest.mark.parametrize("cells", [40, 60, 80, 200])
def test_lines_fit_whatever_the_names_are(cells: int) -> None:
    given = answer(row("x" * 300), row("写" * 50), row("\x1b[31mred\x07"), row("2026-11-22", 123_456.789))
    lines = shown(given, cells)
    assert max(map(width, lines)) <= cells
    assert "\x1b" not in "".join(lines)


def test_an_answer_that_makes_no_sense_is_a_table_of_nothing() -> None:
    for given in ({}, {"rows": 5, "total": []}, {"rows": [None, {"tokens": "x", "turns": "many"}]}):
        assert shown(given)[-1]
        assert spent_csv(spent_table(given)).startswith("day,calls,")


def test_csv_has_plain_numbers_under_a_header_and_no_total() -> None:
    assert spent_csv(spent_table(answer(row("webshop", 0.1234567), row(None, None, complete=False)))) == (
        "project,calls,turns,input_tokens,output_tokens,cache_read_tokens,cache_write_5m_tokens,"
        "cache_write_1h_tokens,thinking_tokens,cost_usd,cost_complete,cost_estimated\n"
        "webshop,5,4,10,2000,118000,900,100,7,0.123457,true,true\n"
        ",5,4,10,2000,118000,900,100,7,,false,true\n"
    )
    assert (
        spent_csv(spent_table(answer(row("main", project="a,b"), by="branch")))
        .splitlines()[1]
        .startswith('"a,b",main,')
    )


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", '=HYPERLINK("http://x")', " =1", "\t=1", "\r\n=1"]
)
def test_no_name_is_a_formula_for_a_spreadsheet(name: str) -> None:
    for given in (answer(row(name)), answer(row("main", project=name), by="branch")):
        (_, line) = csv.reader(io.StringIO(spent_csv(spent_table(given))))
        assert line[0].startswith("'")
        assert line[0][1] in "=+-@＝"
