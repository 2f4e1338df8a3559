"""Which sessions are rows, in which order, which columns fit, and what the headline counts."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import VIEWS, layout, row, titles
from clauditor.ui.views.detail import detail
from clauditor.ui.views.find import nothing_found, parse_query
from clauditor.ui.views.footer import footer, help_lines
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


def heads(shots: list[dict[str, Any]], width: int, notice: str = "", **spent: Any) -> list[str]:
    return [plain(line) for line in headline(views(*shots), Spend(**spent), SCENE, width, notice)]


def test_headline_counts_each_live_session_once() -> None:
    (line,) = heads(first_release(), 120)
    assert "6 live: 1 asks you, 1 retrying, 1 your turn, 3 working" in line
    assert line.endswith("14:32:08")


@pytest.mark.parametrize("width", [60, 80])
def test_counts_that_do_not_fit_beside_the_rest_have_a_line_of_their_own(width: int) -> None:
    first, counts = heads(first_release(), width, today_usd=38.4)
    assert first.startswith(" clauditor   6 live  ")
    assert first.endswith("today ~$38.40   14:32:08")
    assert counts == " 1 asks you, 1 retrying, 1 your turn, 3 working"
    assert "today" not in heads(first_release(), 40, today_usd=38.4)[0]
    assert heads(first_release(), 40)[1] == " 1 asks you, 1 retrying, 1 your turn"


def test_counts_agree_with_their_number() -> None:
    asking = {"waiting_for": "approval"}
    retrying = {"state": "retrying", "waiting_for": None, "retry": {"attempt": 2, "status": 429}}
    shots = [
        snapshot(f"{name}{n}", **fields) for n in (1, 2) for name, fields in (("a", asking), ("r", retrying))
    ]
    assert "2 live: 1 asks you, 1 retrying" in heads(shots[:2], 100)[0]
    assert "4 live: 2 ask you, 2 retrying" in heads(shots, 100)[0]


def test_several_sessions_that_fail_alike_are_an_incident() -> None:
    failing = {"state": "retrying", "waiting_for": None, "state_since": NOW - 188}
    shots = [snapshot(f"r{n}", retry={"attempt": 4, "status": 529}, **failing) for n in range(4)]
    shots += [snapshot("fine"), snapshot("too", retry={"attempt": 2, "status": 401}, **failing), *resting(2)]
    assert heads(shots, 80) == [
        " Anthropic answers 529 to 4 of 6 sessions since 14:29, not your set-up 14:32:08",
        " 6 live: 5 retrying, 1 your turn",
    ]


def test_notice_takes_the_place_of_the_counts() -> None:
    (shown,) = heads(first_release(), 80, "nothing heard since 14:31:00")
    assert "nothing heard since 14:31:00" in shown
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


PARTLY = {"unobserved": {"exchanges": 2, "bytes": 9}, "cost_complete": False}
BROKEN = {"cost_complete": False, "failed_attempts": 1}
UNPRICED = {"cost_complete": False, "cost_usd": None}


@pytest.mark.parametrize(
    ("shots", "said"),
    [
        ([{}], "recorded: all"),
        ([PARTLY, {}], "recorded: >= (2 calls seen in part)"),
        ([BROKEN, {}], "recorded: >= (answers broke off)"),
        ([UNPRICED], "recorded: >= (some cost unknown)"),
        ([{"cost_complete": False}], "recorded: >= (some cost unknown)"),
        ([PARTLY, BROKEN, BROKEN], "recorded: >= (2 calls seen in part, answers broke off)"),
    ],
)
def test_what_is_missing_from_the_totals_is_said_and_why(shots: list[dict[str, Any]], said: str) -> None:
    sessions = views(*(snapshot(str(n), **fields) for n, fields in enumerate(shots)))
    assert plain(header(sessions, Spend(), SCENE, 80)[-1]).endswith(said)
    # Where there is no room for the reasons, "at least" stays.
    assert plain(header(sessions, Spend(), SCENE, 40)[-1]).endswith(
        "recorded: all" if said.endswith("all") else "recorded: >="
    )


def test_what_is_missing_from_today_is_said_where_no_live_session_tells_why() -> None:
    today = Spend(today_usd=3.0, complete=False)
    shown = [plain(line) for line in header(views(snapshot("a")), today, SCENE, 80)]
    assert "today >= ~$3.00" in shown[0]
    assert shown[-1].endswith("recorded: >= (earlier today)")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (BROKEN, " COST  >= ~$2.31; at least: answers broke off"),
        (PARTLY, " COST  >= ~$2.31; at least: 2 calls seen in part"),
        ({}, " COST  ~$2.31"),
    ],
)
def test_the_pane_says_why_a_cost_is_at_least(fields: dict[str, Any], line: str) -> None:
    pane = [plain(shown) for shown in detail(views(snapshot("a", agents=[], **fields))[0], SCENE, 80)]
    assert line in pane
    assert (" SEEN  2 calls seen in part (9 B missed): totals are at least what stands here" in pane) == (
        fields == PARTLY
    )


def test_a_search_without_a_hit_says_so_and_names_unknown_fields() -> None:
    def said(text: str) -> list[str]:
        return [plain(line) for line in nothing_found(parse_query(text))]

    assert said("foo:bar") == [
        " nothing matches foo:bar; Esc shows all",
        " foo: is unknown; there are state: project: model:",
    ]
    assert said("state:nothing xyz") == [" nothing matches state:nothing xyz; Esc shows all"]
    assert "\x1b" not in said("a\x1b[31m:b")[0]


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 200])
@pytest.mark.parametrize("found", ["", "3 of 33"])
def test_the_footer_leaves_out_whole_keys_and_never_the_way_out(width: int, found: str) -> None:
    shown = footer(width, view="cache", sort="name", is_unfolded=True, found=found)
    assert line_width(shown) <= width
    assert "…" not in plain(shown)
    assert plain(shown).endswith("q quit")
    assert width < 60 or "? help" in plain(shown)


@pytest.mark.parametrize("width", [30, 55, 71])
def test_the_help_page_is_wrapped_into_its_width(width: int) -> None:
    lines = help_lines(width, has_signs=True)
    assert max(map(line_width, lines)) <= width
    text = " ".join(" ".join(plain(line).split()) for line in lines)
    for said in ("TOK/S", "5h 7d", "recorded", "copy the session's id", "has no known price"):
        assert said in text


def test_help_explains_signs_only_where_a_session_has_one() -> None:
    assert any("act now" in plain(line) for line in help_lines(71, has_signs=True))
    words = " ".join(plain(line) for line in help_lines(71, has_signs=False))
    for unknown in ("!!", "act now", "stuck", "to watch"):
        assert unknown not in words
