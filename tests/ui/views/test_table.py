"""Which sessions are rows, in which order, which columns fit, and what the headline counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from clauditor.text import width as cells
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import row, titles
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.find import nothing_found, parse_query
from clauditor.ui.views.footer import footer, help_lines
from clauditor.ui.views.header import Spend, header, headline
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.presets import VIEWS, layout
from clauditor.ui.views.segments import Line, line_width, plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.table import SORTS, fold, fold_line
from ui.afternoon import (
    INCIDENT,
    NOW,
    agent,
    cache,
    context,
    first_release,
    judged,
    limits,
    miss,
    resting,
    scripts,
    signal,
    snapshot,
    verdict,
    with_signals,
)

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
    assert plain(fold_line(folding, SCENE)) == "   + 3 idle, all cold (e shows)   + 24 scripted runs, ~$0.83"
    assert fold_line(fold(views(*first_release()), unfold=True, sort="attention", now=NOW), SCENE) == ()


def test_until_the_call_after_a_compaction_the_size_of_the_context_is_unknown() -> None:
    before = context(0.97) | {"compactions": 1, "last_compaction": {"at": NOW, "tokens_before": 970_000}}
    (view,) = views(snapshot("a", context=before))
    assert (view.context.tokens, view.context.used_ratio, view.context.turns_to_compact) == (None, None, None)


def test_fold_line_counts_runs_whose_last_call_got_no_answer() -> None:
    shots = [shot | {"is_answered": False} for shot in scripts(2)] + scripts(3)[2:]
    running = {"session_id": "live", "is_answered": False, "state": "retrying"}  # it may still get one
    folding = fold(views(*shots, shots[0] | running), unfold=False, sort="attention", now=NOW)
    assert plain(fold_line(folding, SCENE)).startswith("   + 4 scripted runs, 1 live, 2 failed, ~$0.")


def test_what_a_person_must_act_on_is_never_folded() -> None:
    act = {"verdict": verdict("act", "model_fallback")}
    shots = [*(shot | act for shot in (*resting(1), *scripts(1))), *resting(2)[1:]]
    folding = fold(views(*shots), unfold=False, sort="attention", now=NOW)
    assert sorted(ids(folding.rows)) == ["idle0", "script0"]


def test_fold_line_tells_what_it_cannot_sum_up() -> None:
    shots = [*scripts(1), scripts(2)[1] | {"cost_usd": None}, *resting(1)]
    shots.append(shots[-1] | {"session_id": "warm", "cache": cache(NOW + 50)})
    folding = fold(views(*shots), unfold=False, sort="attention", now=NOW)
    assert plain(fold_line(folding, SCENE)) == "   + 2 idle, 1 cold (e shows)   + 2 scripted runs, >= ~$0.03"


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

    # The reason keeps its cells: what can be seen in the pane as well goes instead.
    for column, least in (("CACHE", 74), ("FOR", 68), ("~$", 62)):
        assert column in shown(least)
        assert column not in shown(least - 1)
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
        ("state:stalled", 1),
        ("STATE:bash", 1),
        ("project:orders", 1),
        ("model:sonnet", 1),
        ("model:", 33),
        ("fix login", 1),
        ("77aa", 1),
        ("state:ended project:ci", 24),
        ("unheard:of", 0),
        ("signal:loop", 1),
        ("signal:tool_", 1),
    ],
)
def test_find(query: str, found: int) -> None:
    asked = parse_query(query)
    assert sum(asked.matches(session) for session in views(*with_signals())) == found


def heads(shots: list[dict[str, Any]], width: int, incident: object = None, **spent: Any) -> list[str]:
    told = incident_of({"incident": incident})
    return [plain(line) for line in headline(views(*shots), Spend(**spent), SCENE, width, incident=told)]


def test_headline_counts_each_live_session_once() -> None:
    (line,) = heads(with_signals(), 120)
    assert "6 live: 1 asks you, 2 stuck, 3 to watch" in line
    assert line.endswith("14:32:08")


def test_headline_counts_by_verdict_and_only_without_one_by_state() -> None:
    limit = judged(signal("rate_limit", "act", "The 5h limit is 93% used.", "5h limit 93%", "Pause."))
    loop = judged(signal("tool_loop", "act", "Six times.", "loop", "Esc."))
    shots = [
        snapshot("limit", state="tool", **limit),
        snapshot("loop", state="tool", **loop),
        snapshot("muted", state="tool", muted_until=NOW + 60, **loop),
        snapshot("dialog", waiting_for="approval"),
        snapshot("retry", state="retrying", waiting_for=None, retry={"attempt": 2, "status": 529}),
    ]
    assert "5 live: 1 stuck, 1 needs you, 1 your turn, 1 working, 1 muted" in heads(shots, 120)[0]
    again = [shot | {"session_id": shot["session_id"] + "2"} for shot in shots]
    assert "2 stuck, 2 need you" in heads([*shots, *again], 120)[0]


@pytest.mark.parametrize("width", [60, 80])
def test_counts_that_do_not_fit_beside_the_rest_have_a_line_of_their_own(width: int) -> None:
    shots = [*with_signals(), snapshot("resting turn"), snapshot("busy", state="thinking")]
    first, counts = heads(shots, width, today_usd=38.4)
    assert first.startswith(" clauditor   8 live  ")
    assert first.endswith("today ~$38.40   14:32:08")
    assert counts == " 1 asks you, 2 stuck, 3 to watch, 1 your turn, 1 working"
    assert "today" not in heads(shots, 40, today_usd=38.4)[0]
    assert heads(shots, 40)[1] == " 1 asks you, 2 stuck, 3 to watch"


@pytest.mark.parametrize(
    ("told", "width", "first"),
    [
        ({}, 80, " Anthropic answers 529 to 4 of 6 sessions since 14:29 (not your set-up)"),
        ({}, 60, " Anthropic answers 529 to 4 of 6 sessions since 14:29"),
        ({"status": 429}, 80, " Anthropic answers 429 to 4 of 6 sessions since 14:29 (your account's rate)"),
        ({"status": None}, 80, " Connections to Anthropic break in 4 of 6 sessions since 14:29"),
        ({"since": None, "active": 1}, 80, " Anthropic answers 529 to 4 of 4 sessions (not your set-up)"),
    ],
)
def test_an_incident_is_the_sidecars_and_comes_first(told: dict[str, Any], width: int, first: str) -> None:
    shown, counts = heads(with_signals(), width, INCIDENT | told)
    assert shown == first
    assert counts.startswith(" 6 live: 1 asks you, 2 stuck, 3 to watch ")
    assert counts.endswith("14:32:08")


def test_without_the_sidecars_word_sessions_that_fail_alike_are_no_incident() -> None:
    failing = {"state": "retrying", "waiting_for": None, "retry": {"attempt": 4, "status": 529}}
    shots = [snapshot(f"r{n}", **failing) for n in range(4)]
    assert heads(shots, 80)[0].startswith(" clauditor ")
    assert heads(shots, 80, {"failing": 0}) == heads(shots, 80)


def test_during_an_incident_nothing_says_that_all_is_ok() -> None:
    lines = header(views(snapshot("a")), Spend(), SCENE, 80, incident=incident_of({"incident": INCIDENT}))
    assert not any("Anthropic ok" in plain(line) for line in lines)
    assert plain(lines[-1]).startswith(" first token 1.1 s (usual 1.0)  ")


def test_notice_takes_the_place_of_the_counts() -> None:
    told = incident_of({"incident": INCIDENT})
    sessions = views(*with_signals())
    (line,) = headline(sessions, Spend(), SCENE, 80, incident=told, notice="nothing heard since 14:31:00")
    assert "nothing heard since 14:31:00" in plain(line)
    assert "live" not in plain(line)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "5h ███████████████░░░░░░░░░ 63%, resets 15:10"),
        ({"projected_ratio": 0.88}, "63%, ~88% at 15:10"),
        ({"projected_ratio": 1.4, "full_at": NOW + 1000}, "63%, full ~14:48, back 15:10"),
        ({"projected_ratio": 1.4, "full_at": NOW - 1}, "63%, ~140% at 15:10"),
        ({"projected_ratio": 0.88, "resets_at": NOW + 66_472}, "63%, ~88% Mon 09:00"),
        ({"projected_ratio": 0.88, "resets_at": NOW - 60}, "was 63%, reset 14:31"),
        ({"resets_at": None}, "░ 63%"),
    ],
)
def test_a_gauge_says_where_the_pace_leads(fields: dict[str, Any], said: str) -> None:
    windows = limits(0.63)
    shot = snapshot("a", limits={"five_hour": windows["five_hour"] | fields})
    assert plain(header(views(shot), Spend(), SCENE, 80)[1]).endswith(said)


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


def pane(width: int = 80, **fields: Any) -> list[str]:
    return [plain(line) for line in detail(views(snapshot("a", **fields))[0], SCENE, width)]


def test_the_pane_says_why_since_when_how_sure_and_what_next() -> None:
    shots = {shot["project"]: views(shot)[0] for shot in with_signals()}
    assert [plain(line) for line in detail(shots["webshop"], SCENE, 120)][:2] == [
        " WHY   Claude asks for your ok to run Bash (pytest). Since 14:29:58, measured, hook.",
        " NEXT  Answer in its terminal.",
    ]
    near = replace(SCENE, panes={shots["webshop"].key: "work:2.1", shots["docs"].key: "work:3.0"})
    assert plain(detail(shots["webshop"], near, 120)[1]) == " NEXT  Answer in its terminal. o goes there."
    assert plain(title(shots["webshop"], near, 120)).endswith("─ main, opus-5.5, tmux work:2.1 ──")
    assert plain(title(shots["webshop"], SCENE, 120)).endswith("─ main, opus-5.5, pts/7 ──")
    assert [plain(line) for line in detail(shots["orders-api"], SCENE, 120)][:5] == [
        " WHY   Bash (alembic): 6 times the same call with the same result. Since 14:31:08, measured.",
        " NEXT  Press Esc in its terminal and tell it what to do instead.",
        " NOW   runs Bash (alembic) since 14:32:00",
        " ALSO  ! The last 6 tool calls failed, the newest in Bash. Since 14:31:08, measured. Look at the errors; a word from",
        "       you may save it many calls.",
    ]


def test_the_pane_of_a_healthy_session_says_what_it_does_and_invents_nothing() -> None:
    shown = pane(
        state="retrying", waiting_for=None, retry={"attempt": 2, "status": 529}, cache=cache(NOW - 9)
    )
    assert shown[0].startswith(" NOW   attempt 2 of one call, the last one failed: 529 overloaded since")
    assert not any(line.startswith((" WHY", " NEXT", " ALSO")) for line in shown)


def test_the_pane_counts_signals_beyond_the_first_few() -> None:
    many = [signal(f"s{number}", "watch", f"Signal {number}.", "s", "") for number in range(7)]
    shown = pane(**judged(*many))
    assert " ALSO  ! Signal 1. Since 14:31:08, measured." in shown
    assert "       ! Signal 4. Since 14:31:08, measured." in shown
    assert "       and 2 more" in shown


def test_the_pane_of_a_muted_session_says_so_in_words() -> None:
    loop = judged(signal("tool_loop", "act", "Six times.", "loop", "Esc."))
    assert pane(muted_until=NOW + 3000, **loop)[0] == (
        " MUTED until its signals clear, at most until 15:22; m ends it"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "compacts at 967k (estimated), 847k away"),
        ({"turns_to_compact": 4}, "967k (estimated), 847k or ~4 calls away"),
        ({"turns_to_compact": 101}, "967k (estimated), 847k away"),
        ({"compact_at_learned": True, "compact_at_tokens": 941_000}, "941k (as it did before), 821k away"),
        ({"tokens": 970_000, "turns_to_compact": 0}, "compacts at 967k (estimated), which is now"),
        ({"compact_at_tokens": None, "compactions": 1}, "120k of 1M, compacted once"),
        (
            {
                "compact_at_tokens": None,
                "compactions": 3,
                "last_compaction": {"at": NOW - 1800, "tokens_before": 941_000, "tokens_after": 52_000},
            },
            "compacted 3 times, last 14:02 from 941k to 52k",
        ),
        (
            {
                "tokens": 975_000,
                "compactions": 1,
                "last_compaction": {"at": NOW - 60, "tokens_before": 975_000},
            },
            "compacted once 14:31 from 975k; its next call tells the size",
        ),
    ],
)
def test_the_pane_says_how_far_the_compaction_is(fields: dict[str, Any], said: str) -> None:
    (line,) = [line for line in pane(120, context=context(0.12) | fields) if line.startswith(" CTX")]
    assert line.endswith(said)


COLD = {"rebuild_tokens": 470_000, "rebuild_cost_usd": 2.26}
REBUILT = {
    "misses": 1,
    "lost_tokens": 88_000,
    "lost_cost_usd": 0.42,
    "last_miss": miss("tools_changed", "+mcp__jira__x"),
}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (cache(NOW + 168), "94% read; warm until 14:34:56"),
        (cache(NOW + 168, **COLD), "warm until 14:34:56, then the next message costs ~$2.26 more"),
        (cache(NOW + 168, rebuild_tokens=470_000), "14:34:56, then the next message writes 470k tokens anew"),
        (cache(NOW + 168, latest_expires_at=NOW + 3468), "warm until 14:34:56, in part 15:29"),
        (cache(NOW - 1600, **COLD), "cold since 14:05: the next message costs ~$2.26 more"),
        (cache(NOW - 160_000), "cold since Fri 18:05"),
        (cache(NOW + 168, rebuild_cost_usd=0.001), "94% read; warm until 14:34:56"),
        ({"state": "cold"}, "cold"),
        (REBUILT, "rebuilt once, 14:21, ~$0.42: tools changed, +jira.x"),
        (
            REBUILT | {"misses": 3, "lost_cost_usd": 1.2},
            "rebuilt 3 times for ~$1.20, last 14:21 (~$0.42): tools changed, +jira.x",
        ),
        (
            {"misses": 2, "lost_tokens": 99_000, "last_miss": miss("unknown", cost_usd=None, at=None)},
            "rebuilt 2 times for 99k tokens, last (88k tokens): cause unknown",
        ),
        (
            REBUILT
            | {"last_miss": miss("model_changed", "claude-opus-5-5 to claude-sonnet-5-5", agent_id="a1")},
            "rebuilt once, 14:21, ~$0.42: model changed, opus-5.5 to sonnet-5.5, in agent Explore",
        ),
        (
            {"misses": 0, "last_miss": miss("compaction", expected=True)},
            "rebuilt as expected 14:21: compaction",
        ),
    ],
)
def test_the_pane_says_what_the_cache_costs(fields: dict[str, Any], said: str) -> None:
    helpers = [agent(), agent("a1", "Explore")]
    (line,) = [line for line in pane(120, cache=fields, agents=helpers) if line.startswith(" CACHE")]
    assert line.endswith(said)


def test_a_search_without_a_hit_says_so_and_names_unknown_fields() -> None:
    def said(text: str) -> list[str]:
        return [plain(line) for line in nothing_found(parse_query(text))]

    assert said("foo:bar") == [
        " nothing matches foo:bar; Esc shows all",
        " foo: is unknown; there are state: project: model: signal:",
    ]
    assert said("state:nothing xyz") == [" nothing matches state:nothing xyz; Esc shows all"]
    assert "\x1b" not in said("a\x1b[31m:b")[0]


def keys(width: int, **settings: Any) -> Line:
    """The footer of a screen as it is at first, but for `settings`."""
    usual: dict[str, Any] = {
        "view": "attention",
        "sort": "attention",
        "group": "none",
        "is_unfolded": False,
        "is_muted": False,
        "found": "",
        "is_empty": False,
    }
    return footer(width, **(usual | settings))


def test_without_a_session_only_keys_that_work_are_named() -> None:
    assert plain(keys(80, is_empty=True)) == " ? help  q quit"


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 200])
@pytest.mark.parametrize("found", ["", "3 of 33"])
def test_the_footer_leaves_out_whole_keys_and_never_the_way_out(width: int, found: str) -> None:
    shown = keys(
        width, view="cache", sort="name", group="model", is_unfolded=True, is_muted=True, found=found
    )
    assert line_width(shown) <= width
    assert "…" not in plain(shown)
    assert plain(shown).endswith("q quit")
    assert width < 60 or "? help" in plain(shown)


@pytest.mark.parametrize("width", [30, 55, 71])
def test_the_help_page_is_wrapped_into_its_width(width: int) -> None:
    lines = help_lines(width)
    assert max(map(line_width, lines)) <= width
    text = " ".join(" ".join(plain(line).split()) for line in lines)
    for said in ("TOK/S", "5h 7d", "recorded", "copy the session's id", "has no known price", "act now"):
        assert said in text


def test_the_footer_names_what_m_would_do() -> None:
    def said(*, is_muted: bool) -> str:
        return plain(keys(80, is_muted=is_muted))

    assert "n next  Enter more  m mute  / find" in said(is_muted=False)
    assert " m unmute " in said(is_muted=True)
