"""What the web page is told of a session: the words of the terminal, and points in time where those tick."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import row
from clauditor.ui.views.find import parse_query
from clauditor.ui.views.header import Spend, header, spend_of
from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.segments import plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.totals import sum_of
from clauditor.ui.views.units import duration
from clauditor.ui.views.web import Choices, changes_at, columns_of, header_json, order_json, row_json
from ui import afternoon

SCENE = Scene(now=afternoon.NOW, zone=UTC)


def sessions() -> list[SessionView]:
    return [session_view(shot) for shot in afternoon.with_signals()]


def text(cell: list[Any]) -> str:
    """A cell as the page shows it at `NOW`."""
    shown = ""
    for words, _role, *ticks in cell:
        match ticks:
            case ["since", at]:
                shown += duration(afternoon.NOW - at)
            case ["until", at]:
                shown += duration(at - afternoon.NOW)
            case _:
                shown += words
    return shown


def cells(session: SessionView) -> dict[str, list[Any]]:
    columns = columns_of("attention", [session])
    shown = row_json(session, columns, SCENE)["cells"]
    return {column.title: cell for column, cell in zip(columns, shown, strict=True)}


def test_every_cell_of_every_view_says_what_the_terminal_says() -> None:
    known = sessions()
    for view in VIEWS:
        columns = columns_of(view, known)
        for session in known:
            for column, cell in zip(columns, row_json(session, columns, SCENE)["cells"], strict=True):
                if column.title in {"TREND", "WHY"}:
                    continue  # a curve; and a reason as long as there is room
                width = min(column.most, 72)
                assert text(cell) == plain(row(session, ((column, width),), SCENE)).strip(), column.title


def test_spans_come_as_points_in_time_so_that_rest_costs_nothing() -> None:
    later = Scene(now=afternoon.NOW + 3, zone=UTC)
    for session in sessions():
        columns = columns_of("attention", [session])
        if changes_at(session, afternoon.NOW) > later.now:
            assert row_json(session, columns, SCENE) == row_json(session, columns, later)


def test_a_row_is_made_anew_when_bytes_have_not_come_for_a_while() -> None:
    shot = afternoon.snapshot("a", state="streaming", last_activity_at=afternoon.NOW - 4, waiting_for=None)
    session = session_view(shot)
    at = changes_at(session, afternoon.NOW)
    assert 6 <= at - afternoon.NOW < 6.2
    quiet = Scene(now=at, zone=UTC)
    why = row_json(session, columns_of("attention", [session]), quiet)["cells"][4]
    assert why == [["no bytes ", "plain"], ["", "plain", "since", afternoon.NOW - 4]]


def test_a_cache_counts_down_until_it_is_cold_and_then_says_so() -> None:
    session = session_view(afternoon.snapshot("a", cache=afternoon.cache(afternoon.NOW + 30)))
    assert cells(session)["CACHE"] == [["", "plain", "until", afternoon.NOW + 30]]
    assert 30 <= changes_at(session, afternoon.NOW) - afternoon.NOW < 30.2


def test_the_order_is_that_of_top_and_what_is_found_unfolds() -> None:
    known = sessions()
    choices = Choices(view="attention", sort="attention", query=parse_query(""), unfold=False)
    order, folding = order_json(known, choices, SCENE)
    assert order["ids"] == [session.session_id for session in folding.rows]
    assert order["folded"][0][0].startswith("+ ")
    found = Choices(view="attention", sort="attention", query=parse_query("project:old"), unfold=False)
    assert len(order_json(known, found, SCENE)[0]["ids"]) == 3
    none = Choices(view="attention", sort="attention", query=parse_query("zebra"), unfold=False)
    assert order_json(known, none, SCENE)[0]["nothing"]


def test_the_header_counts_who_needs_somebody() -> None:
    told = header_json(sessions(), Spend(today_usd=38.4), SCENE, None)
    act = sum(int(text.split()[0]) for text, role in told["counts"] if role == "act")
    assert told["needs"] == act > 0
    assert told["today"] == "today ~$38.40"
    assert [window["name"] for window in told["limits"]] == ["5h", "7d"]
    assert header_json([], Spend(), SCENE, None)["empty"]


def test_a_history_in_trouble_is_told_above_the_table_in_one_line() -> None:
    trouble = (
        "The history in /home/me/.local/share/clauditor/clauditor.db cannot be written (disk I/O error);"
        " it is tried again."
    )
    words = "The history in clauditor.db cannot be written (disk I/O error); it is tried again."
    spend = spend_of({"today": None, "history_problem": trouble})
    assert header_json(sessions(), spend, SCENE, None)["trouble"] == words
    for among in (sessions(), []):
        lines = [plain(shown).strip() for shown in header(among, sum_of([Spend(), spend]), SCENE, 120)]
        assert lines.count(words) == 1
    assert not header_json(sessions(), spend_of({"history_problem": None}), SCENE, None)["trouble"]
