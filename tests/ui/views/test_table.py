"""Which sessions are rows, in which order, which columns fit, and what the headline counts."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import VIEWS, layout, row, titles
from clauditor.ui.views.find import parse_query
from clauditor.ui.views.header import Spend, header, headline
from clauditor.ui.views.segments import line_width, plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.table import SORTS, fold, fold_line
from ui.afternoon import NOW, cache, first_release, limits, resting, scripts, snapshot, verdict, with_signals

SCENE = Scene(now=NOW, zone=UTC)
KNOWN = [session_view(shot) for shot in with_signals()]  # of these everything is known


def views(*shots: dict[str, Any]) -> list[SessionView]:
    return [session_view(shot) for shot in shots]


def ids(sessions: tuple[SessionView, ...]) -> list[str]:
    return [session.session_id for session in sessions]


def test_attention_orders_and_ties_do_not_move_with_the_state() -> None:
    shots = [
        snapshot("b", attention=300, started_at=NOW - 50, state_since=NOW - 1),
        snapshot("a", attention=300, started_at=NOW - 50, state_since=NOW - 90),
        snapshot("old", attention=300, started_at=NOW - 99),
        snapshot("top", attention=900, started_at=NOW),
    ]
    assert ids(fold(views(*shots), unfold=False, sort="attention", now=NOW).rows) == ["top", "old", "a", "b"]


def test_idle_ended_and_scripts_fold_into_one_line() -> None:
    folding = fold(views(*first_release()), unfold=False, sort="attention", now=NOW)
    assert len(folding.rows) == 6
    assert (
        plain(fold_line(folding, SCENE)) == "   + 3 idle, all cold (e shows)     + 24 scripted runs, ~$0.83"
    )
    assert fold_line(fold(views(*first_release()), unfold=True, sort="attention", now=NOW), SCENE) == ()


def test_what_a_person_must_act_on_is_never_folded() -> None:
    act = {"verdict": verdict("act", "model_fallback")}
    shots = [*(shot | act for shot in (*resting(1), *scripts(1))), *resting(2)[1:]]
    folding = fold(views(*shots), unfold=False, sort="attention", now=NOW)
    assert sorted(ids(folding.rows)) == ["idle0", "script0"]


def test_fold_line_tells_what_it_cannot_sum_up() -> None:
    shots = [*scripts(1), scripts(2)[1] | {"cost_usd": None}, *resting(1)]
    shots.append(shots[-1] | {"session_id": "warm", "cache": cache(NOW + 50)})
    folding = fold(views(*shots), unfold=False, sort="attention", now=NOW)
    assert (
        plain(fold_line(folding, SCENE)) == "   + 2 idle, 1 cold (e shows)     + 2 scripted runs, >= ~$0.03"
    )


@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_orders_all_and_survives_unknown_values(sort: Any) -> None:
    shots = [
        *with_signals(),
        snapshot("bare") | dict.fromkeys(("cost_usd", "context", "cache", "limits", "started_at")),
    ]
    assert len(fold(views(*shots), unfold=True, sort=sort, now=NOW).rows) == len(shots)


def test_sorts_put_first_what_they_are_about() -> None:
    def first(sort: Any) -> str:
        return fold(views(*with_signals()), unfold=False, sort=sort, now=NOW).rows[0].project or ""

    assert [first(sort) for sort in SORTS] == ["webshop", "docs", "docs", "docs", "etl", "docs", "orders-api"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [20, 40, 63, 69, 70, 79, 80, 91, 92, 120, 133, 200, 400])
def test_rows_and_titles_fill_exactly_the_same_cells(view: Any, width: int) -> None:
    plan = layout(view, width, KNOWN)
    head = line_width(titles(plan, SCENE))
    assert {line_width(row(session, plan, SCENE)) for session in views(*with_signals())} == {head}
    assert width < 40 or head <= width - 1


def test_columns_go_and_come_in_their_order() -> None:
    def shown(width: int) -> str:
        return plain(titles(layout("attention", width, KNOWN), SCENE))

    assert "CACHE" in shown(70)
    assert "CACHE" not in shown(69)
    assert "FOR" in shown(64)
    assert "FOR" not in shown(63)
    order = ["MODEL", "5H%", "TOK/S", "AGENTS", "LAST"]
    seen = [[title for title in order if title in shown(width)] for width in range(80, 160)]
    assert all(found == order[: len(found)] for found in seen)
    assert seen[0] == []
    assert seen[-1] == order
    widths = {column.title: cells for column, cells in layout("attention", 80, KNOWN)}
    assert widths == {"": 2, "SESSION": 23, "STATE": 9, "FOR": 5, "WHY": 19, "CTX": 4, "CACHE": 5, "$": 5}


def test_columns_of_which_nothing_is_known_are_left_out() -> None:
    unknown = views(*first_release())
    assert "5H%" not in plain(titles(layout("attention", 120, unknown), SCENE))
    assert "5H%" in plain(titles(layout("attention", 120, KNOWN), SCENE))
    assert "LAST MISS" not in plain(titles(layout("cache", 80, unknown), SCENE))
    assert "LAST MISS" in plain(titles(layout("cache", 80, KNOWN), SCENE))


def test_money_says_what_is_estimated_and_what_is_at_least() -> None:
    plan = layout("attention", 80, KNOWN)
    mixed = Scene(now=NOW, zone=UTC, all_estimated=False)
    shots = views(
        snapshot("plan", cost_usd=2.31),
        snapshot("api", cost_usd=2.31, billing="api"),
        snapshot("some", cost_usd=14.2, cost_complete=False),
        snapshot("none", cost_usd=None),
    )
    assert plain(row(shots[0], plan, mixed)).endswith(" ~2.31")
    assert plain(row(shots[1], plan, mixed)).endswith("  2.31")
    assert plain(row(shots[2], plan, mixed)).endswith(" ≥~14")
    assert plain(row(shots[2], plan, SCENE)).endswith(" ≥14.2")
    assert plain(row(shots[3], plan, SCENE)).endswith("    -")
    assert plain(titles(plan, SCENE)).endswith("~$")
    assert plain(titles(plan, mixed)).endswith(" $")


def test_wide_characters_keep_the_columns_in_line() -> None:
    plan = layout("attention", 80, KNOWN)
    line = plain(
        row(
            views(snapshot("x", project="日本語プロジェクト", label="ログインのテストを直す"))[0], plan, SCENE
        )
    )
    assert cells(line[: line.index("your turn")]) == 27


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 33),
        ("state:approve", 1),
        ("state:tool", 1),
        ("STATE:bash", 1),
        ("project:orders", 1),
        ("model:sonnet", 1),
        ("model:", 33),
        ("fix login", 1),
        ("77aa", 1),
        ("state:ended project:ci", 24),
        ("unheard:of", 0),
    ],
)
def test_find(query: str, found: int) -> None:
    asked = parse_query(query)
    assert sum(asked.matches(session) for session in views(*first_release())) == found


def test_headline_counts_each_live_session_once() -> None:
    line = plain(headline(views(*first_release()), Spend(), SCENE, 120))
    assert "6 live: 1 asks you, 1 retries, 1 your turn, 3 work" in line
    assert line.endswith("14:32:08")


def test_several_sessions_that_fail_alike_are_an_incident() -> None:
    failing = {"state": "retrying", "waiting_for": None, "state_since": NOW - 188}
    shots = [snapshot(f"r{n}", retry={"attempt": 4, "status": 529}, **failing) for n in range(4)]
    shots += [snapshot("fine"), snapshot("too", retry={"attempt": 2, "status": 401}, **failing), *resting(2)]
    shown = plain(headline(views(*shots), Spend(), SCENE, 80))
    assert shown == " Anthropic answers 529 to 4 of 6 sessions since 14:29, not your set-up 14:32:08"


def test_notice_takes_the_place_of_the_counts() -> None:
    shown = plain(headline(views(*first_release()), Spend(), SCENE, 80, "no connection since 14:31:00"))
    assert "no connection since 14:31:00" in shown
    assert "live" not in shown


def test_limits_of_several_accounts_are_told_apart_fullest_first() -> None:
    shots = [
        snapshot("a", account="home", limits=limits(0.2)),
        snapshot("b", account="work", limits=limits(0.95, 0.4)),
        snapshot("c", account="work", limits=limits(0.9), last_activity_at=NOW - 900),
    ]
    lines = [plain(line) for line in header(views(*shots), Spend(), SCENE, 100)]
    assert lines[1].startswith(" work 5h ")
    assert "95%" in lines[1]
    assert lines[2].startswith(" home 5h ")


def test_what_was_not_seen_is_said() -> None:
    shots = [snapshot("a", unobserved={"exchanges": 2, "bytes": 9}), snapshot("b")]
    lines = [plain(line) for line in header(views(*shots), Spend(), SCENE, 80)]
    assert lines[-1].endswith("recorded: >= (2 calls in part)")
    assert plain(header(views(snapshot("b")), Spend(), SCENE, 80)[-1]).endswith("recorded: all")
