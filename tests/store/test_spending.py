"""Days, projects, branches and models: sums that outlive the sessions they were spent in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clauditor.hub import Hub
from clauditor.model.events import GapFound, LimitsSeen
from clauditor.model.usage import Usage
from clauditor.store.spending import roll_up
from clauditor.store.sqlite import connect
from clauditor.store.store import Store
from support.life import MODEL, NOW, USAGE, Life
from support.sql import ask

Lives = Callable[..., Life]
Written = Callable[[], None]
DAY = 86_400.0
PRICE = (10 * 5 + 200 * 25 + 50_000 * 0.5 + 1_000 * 6.25) / 1e6


def day_of(at: float) -> str:
    return datetime.fromtimestamp(at).date().isoformat()  # noqa: DTZ006 - local days


@pytest.fixture
def spent(life: Lives, hub: Hub, written: Written) -> None:
    """Two days, two projects; one account pays by use."""
    shop, infra = life("shop", at=NOW - DAY), life("infra")
    for _ in range(2):
        shop.turn()
    shop.at = NOW
    shop.turn()
    infra.answer(
        infra.start(project="infra"), usage=replace(USAGE, extra=(("claude-haiku-5-5", Usage(output=7)),))
    )
    hub.publish(LimitsSeen(at=infra.at, session_id="infra", account="acc", billing="api", windows=()))
    infra.answer(infra.start(project="infra"))
    written()


def keys(table: dict[str, Any]) -> list[tuple[Any, int]]:
    return [(row["key"], row["turns"]) for row in table["rows"]]


@pytest.mark.usefixtures("spent")
def test_a_table_has_a_row_a_day_in_their_order(store: Store) -> None:
    table = store.spending.table("day", day_of(NOW - DAY))
    assert keys(table) == [(day_of(NOW - DAY), 2), (day_of(NOW), 3)]
    assert table["rows"][0] | {"cost_usd": 0} == {
        "key": day_of(NOW - DAY),
        "calls": 2,
        "turns": 2,
        "tokens": {"input": 20, "output": 400, "cache_read": 100_000, "cache_write_5m": 2_000, "cache_write_1h": 0, "thinking": 0},
        "cost_usd": 0,
        "cost_complete": True,
        "estimated": True,
    }  # fmt: skip
    assert table["rows"][0]["cost_usd"] == pytest.approx(2 * PRICE)
    assert table["total"]["turns"] == 5
    assert keys(store.spending.table("day", day_of(NOW))) == [(day_of(NOW), 3)]


@pytest.mark.usefixtures("spent")
def test_what_was_spent_lately_is_what_calls_cost_that_ended_since(store: Store) -> None:
    hour = store.spending.ended_since(NOW - 3600)
    assert hour["calls"] == 3
    assert hour["cost_usd"] > 2 * PRICE
    assert (hour["estimated"], hour["cost_complete"]) == (True, True)
    assert store.spending.ended_since(NOW + 4) == hour  # all three ended then, or later
    assert store.spending.ended_since(NOW + 3600) == {
        "calls": 0,
        "cost_usd": None,
        "cost_complete": True,
        "estimated": False,
    }


@pytest.mark.usefixtures("spent")
def test_everything_else_comes_dearest_first(store: Store) -> None:
    first = day_of(NOW - DAY)
    projects = store.spending.table("project", first)
    assert keys(projects) == [("webshop", 3), ("infra", 2)]
    assert [row["estimated"] for row in projects["rows"]] == [True, False]
    assert projects["total"]["estimated"] is True
    branches = store.spending.table("branch", first)["rows"]
    assert [(row["project"], row["key"], row["turns"]) for row in branches] == [
        ("webshop", "main", 3),
        ("infra", "main", 2),
    ]
    models = store.spending.table("model", first)
    assert keys(models) == [(MODEL, 5), ("claude-haiku-5-5", 0)]
    assert models["rows"][1]["tokens"]["output"] == 7
    assert models["rows"][1]["cost_usd"] is None


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("by", ["day", "project", "branch", "model"])
def test_sums_survive_their_sessions(store: Store, path: Path, by: Any) -> None:
    first = day_of(NOW - DAY)
    before = store.spending.table(by, first)
    db = connect(path)
    for gone in ("shop", "infra"):
        (key,) = db.execute("SELECT key FROM sessions WHERE session_id = ?", (gone,)).fetchone()
        roll_up(db, key)
        db.execute("DELETE FROM sessions WHERE key = ?", (key,))
        assert store.spending.table(by, first) == before
    assert db.execute("SELECT count(*) FROM spending").fetchone()[0] == 0
    db.close()
    assert store.spending.since(first)["turns"] == 5


@pytest.mark.usefixtures("spent")
def test_what_passed_unseen_makes_its_day_at_least_for_good(
    store: Store, hub: Hub, path: Path, written: Written
) -> None:
    gap = GapFound(at=NOW + 50, session_id="infra", exchange_id="7-7", reason="restart", unseen_bytes=100)
    nobody_knows_whose = replace(gap, at=NOW - DAY, session_id="", exchange_id="8-8")
    for event in (gap, gap, nobody_knows_whose):
        hub.publish(event)
    written()
    ask(path, "DELETE FROM gaps")
    days = store.spending.table("day", day_of(NOW - DAY))
    assert [(row["turns"], row["cost_complete"]) for row in days["rows"]] == [(2, False), (3, False)]
    projects = store.spending.table("project", day_of(NOW - DAY))["rows"]
    assert [
        (row["key"], row["turns"], row["cost_usd"] is None, row["cost_complete"]) for row in projects
    ] == [
        ("webshop", 3, False, True),
        ("infra", 2, False, False),
        (None, 0, True, False),
    ]
    assert store.spending.since(day_of(NOW))["sessions"] == 2


def test_nothing_spent_is_a_total_of_nothing(store: Store) -> None:
    table = store.spending.table("project", "2026-01-01")
    assert table["rows"] == []
    assert (table["total"]["turns"], table["total"]["cost_usd"], table["total"]["cost_complete"]) == (
        0,
        None,
        True,
    )
