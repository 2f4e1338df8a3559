"""What is written comes back: sessions, turns, tools, side calls, limits, gaps, spending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clauditor.hub import Hub
from clauditor.model.events import (
    Compacted,
    Event,
    GapFound,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    SessionEnded,
    SideCallFinished,
    SignalRaised,
)
from clauditor.model.facts import CallFact, Fact
from clauditor.model.session import Session
from clauditor.model.snapshot import session_snapshot
from clauditor.model.usage import Usage
from clauditor.store.history import History
from clauditor.store.store import Store
from support.life import MODEL, NOW, USAGE, Book, Life, settle
from support.sql import ask

Lives = Callable[..., Life]
Written = Callable[[], None]
PRICE = (10 * 5 + 200 * 25 + 50_000 * 0.5 + 1_000 * 6.25) / 1e6


def raised(life: Life, name: str, severity: Any) -> SignalRaised:
    return SignalRaised(
        at=life.at, session_id=life.session_id, name=name, severity=severity, evidence="derived", summary="s", short="s",
        next_step="",
    )  # fmt: skip


def day_of(at: float) -> str:
    return datetime.fromtimestamp(at).date().isoformat()  # noqa: DTZ006 - local days


def test_a_turn_comes_back_with_its_attempts_and_tools(store: Store, life: Lives, written: Written) -> None:
    one = life()
    first = one.start(digest="same")
    one.fail(first, 429, "plan")
    second = one.start(digest="same")
    one.answer(second, tools=("toolu_1", "toolu_2"))
    one.tool_result("toolu_1", "error")
    written()
    (turn,) = store.calls.turns(one.session_id, limit=10)
    assert turn["turn_id"] == first
    assert turn["prompt_id"] == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert [
        (attempt["exchange_id"], attempt["attempt"], attempt["outcome"]) for attempt in turn["attempts"]
    ] == [
        (first, 1, "http"),
        (second, 2, "ok"),
    ]
    assert turn["attempts"][0]["status"] == 429
    assert turn["attempts"][0]["error_type"] == "overloaded_error"
    assert [attempt["limited_by"] for attempt in turn["attempts"]] == ["plan", None]
    assert turn["attempts"][0]["tokens"] is None
    assert turn["tokens"] == {
        "input": 10, "output": 200, "cache_read": 50_000, "cache_write_5m": 1_000, "cache_write_1h": 0, "thinking": 0,
    }  # fmt: skip
    assert turn["cost_usd"] == pytest.approx(PRICE)
    assert turn["cost_complete"] is True
    assert turn["stop_reason"] == "tool_use"
    assert turn["model"] == {"requested": MODEL, "served": MODEL}
    assert turn["attempts"][1]["first_token_at"] == one.at + 1
    assert turn["ended_at"] == one.at + 4
    assert [
        (tool["tool_use_id"], tool["name"], tool["target"], tool["outcome"]) for tool in turn["tools"]
    ] == [
        ("toolu_1", "Bash", "pytest", "error"),
        ("toolu_2", "Bash", "pytest", None),
    ]
    assert turn["tools"][0]["duration_seconds"] == pytest.approx(4.0)


def test_only_the_newest_turns_are_read_and_in_order(store: Store, life: Lives, written: Written) -> None:
    one = life()
    for _ in range(30):
        one.turn()
    written()
    turns = store.calls.turns(one.session_id, limit=5)
    assert [turn["attempts"][0]["exchange_id"].split("-")[0] for turn in turns] == [
        "26",
        "27",
        "28",
        "29",
        "30",
    ]


def test_a_session_comes_back_as_it_was(store: Store, hub: Hub, life: Lives, written: Written) -> None:
    one = life()
    one.answer(one.start(), tools=("toolu_1",))
    one.start(agent_id="a1")
    written()
    (restored,) = store.load_open_sessions(one.at)
    assert restored == hub.sessions[one.session_id]
    assert store.load_session(one.session_id) == restored
    assert session_snapshot(restored, one.at) == hub.snapshot(one.session_id, one.at)


def test_a_session_not_yet_written_can_be_loaded(store: Store, hub: Hub, life: Lives) -> None:
    one = life()
    one.turn()
    store.sink.flush()
    assert store.load_session(one.session_id) == hub.sessions[one.session_id]


def test_the_file_is_not_read_for_a_session_that_nobody_wrote(
    store: Store, life: Lives, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life("old").turn()
    written()
    looked: list[str] = []

    def look(history: History, session_id: str) -> Session | None:
        looked.append(session_id)
        return kept_session(history, session_id)

    kept_session = History.kept_session
    monkeypatch.setattr(History, "kept_session", look)
    assert store.load_session("new") is None
    assert store.load_session("\ud800") is None
    assert store.load_session("old") is not None
    store.close()
    again = Store(tmp_path / "clauditor.db")
    settle(again)
    assert again.load_session("new") is None
    assert again.load_session("old") is not None
    again.close()
    assert looked == ["old", "old"]


def test_only_sessions_that_go_on_are_restored(store: Store, hub: Hub, life: Lives, written: Written) -> None:
    old, ended, open_ = life("old"), life("ended", at=NOW + 90_000), life("open", at=NOW + 90_000)
    for one in (old, ended, open_):
        one.turn()
    hub.publish(SessionEnded(at=ended.at + 5, session_id="ended", reason="hook"))
    written()
    assert [session.session_id for session in store.load_open_sessions(NOW + 90_000)] == ["open"]
    states = {shot["session_id"]: shot["state"] for shot in store.history.sessions(now=NOW + 90_000, limit=9)}
    assert states == {"old": "ended", "ended": "ended", "open": "waiting"}


def test_an_unknown_session_is_none(store: Store) -> None:
    assert store.load_session("nobody") is None
    assert store.history.session("nobody", NOW) is None
    assert store.calls.turns("nobody", limit=5) == []


def test_past_sessions_are_filtered_by_what_they_were(store: Store, life: Lives, written: Written) -> None:
    plain, watched, acted = (life(name, at=NOW - 400_000 + number) for number, name in enumerate("pwa"))
    plain.answer(plain.start(project="Web Shop"))
    watched.answer(watched.start(project="infra"))
    acted.answer(acted.start(project="web shop"))
    for one, names in ((watched, {"stalled": "watch"}), (acted, {"tool_loop": "act", "stalled": "watch"})):
        for name, severity in names.items():
            store.writer.submit([], [raised(one, name, severity)])
    store.writer.submit([], [raised(plain, "cache_rebuilt", "notice")])
    written()

    def ids(**asked: Any) -> str:
        return "".join(shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9, **asked))

    assert ids(verdict="ok") == "p"
    assert ids(verdict="watch") == "w"
    assert ids(verdict="act") == "a"
    assert ids(signal="stalled") == "aw"
    assert ids(signal="cache_rebuilt") == "p"
    assert ids(signal="no_such_signal") == ""
    assert ids(project="WEB SHOP") == "ap"
    assert ids(project="web") == ""
    assert ids(project="web shop", signal="tool_loop", verdict="act", model="OPUS", state="ended") == "a"
    assert ids(model="opus") == "awp"
    assert ids(model="opus%") == ""


def test_past_sessions_are_sorted_and_the_unknown_comes_last(
    store: Store, life: Lives, written: Written
) -> None:
    for number, (session_id, calls, context) in enumerate(
        (("a", 3, 100), ("b", 1, 900_000), ("c", 2, 5_000))
    ):
        one = life(session_id, at=NOW - 1_000 * number)
        for _ in range(calls):
            one.answer(one.start(), usage=Usage(input=10, cache_read=context))
    life("d", at=NOW - 9_000).start()
    written()

    def ids(sort: Any) -> str:
        return "".join(shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9, sort=sort))

    assert ids("activity") == "abcd"
    assert ids("started") == "abcd"
    assert ids("cost") == "bcad"
    assert ids("context") == "bcad"


def test_a_stored_label_is_found_and_shown(open_store: Callable[[], Store]) -> None:
    store = open_store()
    hub = Hub(book=Book(), sinks=[store.sink], labels="store")
    one = Life(hub, "labelled")
    one.start()
    hub.publish(LabelFound(at=one.at, session_id="labelled", label="Fix the login"))
    settle(store)
    (shot,) = store.history.sessions(now=one.at, limit=5, search="LOGIN")
    assert shot["label"] == "Fix the login"


def test_sessions_are_listed_newest_first_and_filtered(store: Store, life: Lives, written: Written) -> None:
    for number in range(5):
        one = life(f"session-{number}", at=NOW + number * 100_000)
        one.answer(one.start(project=f"shop_{number}"))
    written()
    now = NOW + 400_100

    def ids(**asked: object) -> list[str]:
        found = store.history.sessions(now=now, **({"limit": 50} | asked))  # type: ignore[arg-type]
        return [shot["session_id"] for shot in found]

    assert ids() == [f"session-{number}" for number in (4, 3, 2, 1, 0)]
    assert ids(limit=2) == ["session-4", "session-3"]
    assert ids(since=NOW + 250_000) == ["session-4", "session-3"]
    assert ids(search="SHOP_2") == ["session-2"]
    assert ids(search="shop_") == ids()
    assert ids(search="shop%") == []
    assert ids(search="opus-5-5") == ids()
    assert ids(search="session-1") == ["session-1"]
    assert ids(search="ession-1") == []
    assert ids(state="ended") == [f"session-{number}" for number in (3, 2, 1, 0)]
    assert ids(state="waiting") == ["session-4"]
    assert ids(state="thinking") == []
    assert ids(without=frozenset({"session-4", "session-2"})) == ["session-3", "session-1", "session-0"]


def test_ids_are_found_by_their_beginning(store: Store, life: Lives, written: Written) -> None:
    for session_id in ("abcd-1", "abcd-2", "abce-1", "ab%d"):
        life(session_id).turn()
    written()
    assert store.history.ids_starting_with("abcd") == ["abcd-1", "abcd-2"]
    assert store.history.ids_starting_with("abce") == ["abce-1"]
    assert store.history.ids_starting_with("ab%") == ["ab%d"]
    assert store.history.ids_starting_with("zzzz") == []


def test_side_calls_are_summed_by_name(store: Store, hub: Hub, life: Lives, written: Written) -> None:
    one = life()
    one.turn()
    for number in range(3):
        title = SideCallFinished(
            at=one.at + number, started_at=one.at, session_id=one.session_id, exchange_id=f"9-{number}",
            name="title" if number else "count_tokens", model=MODEL if number else None,
            usage=Usage(input=100, output=10) if number else None,
        )  # fmt: skip
        hub.publish(title)
    hub.publish(
        Compacted(
            at=one.at + 9,
            started_at=one.at,
            session_id=one.session_id,
            exchange_id="9-9",
            model=MODEL,
            usage=USAGE,
        )
    )
    written()
    found = {side["name"]: side for side in store.calls.side_calls(one.session_id)}
    assert {name: side["calls"] for name, side in found.items()} == {
        "title": 2,
        "count_tokens": 1,
        "compaction": 1,
    }
    assert found["title"]["tokens"]["input"] == 200
    assert found["title"]["cost_usd"] == pytest.approx(2 * (100 * 5 + 10 * 25) / 1e6)
    assert found["count_tokens"]["cost_usd"] is None
    assert found["count_tokens"]["cost_complete"] is True


def test_spending_is_summed_by_local_day_model_and_project(
    store: Store, life: Lives, written: Written
) -> None:
    yesterday, today = life("a", at=NOW - 86_400), life("b")
    for one in (yesterday, today, today):
        one.turn()
    written()
    spent = store.spending.since(day_of(NOW))
    assert (spent["calls"], spent["turns"], spent["sessions"]) == (2, 2, 1)
    assert spent["cost_usd"] == pytest.approx(2 * PRICE)
    assert spent["cost_complete"] is True
    assert [(part["model"], part["turns"]) for part in spent["by_model"]] == [(MODEL, 2)]
    assert [(part["project"], part["turns"]) for part in spent["by_project"]] == [("webshop", 2)]
    assert store.spending.since(day_of(NOW - 86_400))["turns"] == 3


def test_spending_of_nothing_is_unknown_not_zero(store: Store) -> None:
    spent = store.spending.since("2026-01-01")
    assert spent["cost_usd"] is None
    assert spent["turns"] == 0
    assert spent["by_model"] == []


def test_a_rewritten_call_counts_once(store: Store, life: Lives, written: Written) -> None:
    facts: list[Fact] = []

    class Watch:
        def observe(self, event: Event, session: Session | None, seen: Sequence[Fact]) -> None:
            facts.extend(seen)

    one = life()
    one.hub = Hub(book=Book(), sinks=[store.sink, Watch()])
    one.turn()
    written()
    (fact,) = facts
    assert isinstance(fact, CallFact)
    store.writer.submit([], [fact, replace(fact, usage=replace(USAGE, output=500), cost_usd=1.0)])
    store.writer.submit([], [replace(fact, usage=None, cost_usd=None, complete=False, outcome="proxy")])
    written()
    (call,) = store.calls.calls(one.session_id)
    assert call["outcome"] == "proxy"
    assert call["tokens"] is None
    spent = store.spending.since(day_of(NOW))
    assert (spent["calls"], spent["turns"]) == (1, 1)
    assert spent["tokens"]["output"] == 0
    assert spent["cost_usd"] is None
    assert spent["cost_complete"] is False


def test_tokens_billed_by_another_model_count_for_that_model(
    store: Store, life: Lives, written: Written
) -> None:
    one = life()
    usage = Usage(input=10, output=20, extra=(("claude-haiku-5-5", Usage(input=3, output=4)),))
    one.answer(one.start(), usage=usage)
    written()
    (turn,) = store.calls.turns(one.session_id, limit=1)
    assert (turn["tokens"]["input"], turn["tokens"]["output"]) == (13, 24)
    spent = store.spending.since(day_of(NOW))
    assert {part["model"]: part["tokens"]["output"] for part in spent["by_model"]} == {
        MODEL: 20,
        "claude-haiku-5-5": 4,
    }
    assert spent["turns"] == 1


def test_gaps_are_kept_once_with_their_session(store: Store, hub: Hub, life: Lives, written: Written) -> None:
    one = life()
    one.turn()
    gap = GapFound(
        at=one.at, session_id=one.session_id, exchange_id="7-7", reason="restart", unseen_bytes=100
    )
    hub.publish(gap)
    hub.publish(gap)
    hub.publish(GapFound(at=one.at + 1, session_id="", exchange_id="8-8", reason="overflow", unseen_bytes=50))
    written()
    assert store.history.gaps(since=0.0, limit=10) == [
        {
            "at": one.at + 1,
            "session_id": None,
            "exchange_id": "8-8",
            "reason": "overflow",
            "unseen_bytes": 50,
        },
        {
            "at": one.at,
            "session_id": one.session_id,
            "exchange_id": "7-7",
            "reason": "restart",
            "unseen_bytes": 100,
        },
    ]
    assert store.history.unobserved(0.0) == {"exchanges": 2, "bytes": 150}
    assert store.history.unobserved(one.at + 0.5) == {"exchanges": 1, "bytes": 50}


def test_limit_samples_are_kept_where_something_changed(
    store: Store, hub: Hub, path: Path, written: Written
) -> None:
    def seen(at: float, ratio: float, status: str = "allowed") -> None:
        window = LimitWindow(name="five_hour", used_ratio=ratio, resets_at=NOW + 9_000, status=status)
        hub.publish(LimitsSeen(at=at, session_id="s", account="acc", billing="plan", windows=(window,)))

    seen(NOW, 0.50)
    seen(NOW + 10, 0.50)
    seen(NOW + 20, 0.51)  # too soon
    seen(NOW + 30, 0.52, "warning")
    seen(NOW + 100, 0.53)
    written()
    assert ask(path, "SELECT used_ratio FROM limits") == [(0.50,), (0.52,), (0.53,)]
    assert store.history.limits() == {
        "acc": {
            "billing": "plan",
            "windows": {
                "five_hour": {
                    "used_ratio": 0.53,
                    "resets_at": NOW + 9_000,
                    "status": "allowed",
                    "at": NOW + 100,
                }
            },
        }
    }


def test_limit_samples_come_back_oldest_first(store: Store, hub: Hub, written: Written) -> None:
    def seen(at: float, account: str, ratio: float) -> None:
        window = LimitWindow(name="five_hour", used_ratio=ratio, resets_at=NOW + 9_000, status="allowed")
        hub.publish(LimitsSeen(at=at, session_id="s", account=account, billing="plan", windows=(window,)))

    for at, account, ratio in ((NOW, "a", 0.1), (NOW + 100, "b", 0.2), (NOW + 200, "a", 0.3)):
        seen(at, account, ratio)
    written()
    found = store.history.limit_samples(NOW + 50)
    assert [(account, billing, at, window.used_ratio) for account, billing, at, window in found] == [
        ("b", "plan", NOW + 100, 0.2),
        ("a", "plan", NOW + 200, 0.3),
    ]
    assert found[0][3] == LimitWindow(
        name="five_hour", used_ratio=0.2, resets_at=NOW + 9_000, status="allowed"
    )


def test_no_label_ever_reaches_the_disk(
    store: Store, hub: Hub, life: Lives, path: Path, written: Written
) -> None:
    one = life()
    one.start()
    hub.publish(LabelFound(at=one.at, session_id=one.session_id, label="CANARY fix the login"))
    written()
    store.close()
    for file in path.parent.iterdir():
        assert b"CANARY" not in file.read_bytes()


def test_a_packed_session_this_version_cannot_read_still_stands_in_the_list(
    store: Store, life: Lives, path: Path, written: Written
) -> None:
    life("strange").turn()
    written()
    ask(path, "UPDATE session_state SET state = x'00'")
    (shot,) = store.history.sessions(now=NOW, limit=5)
    assert shot["session_id"] == "strange"
    assert shot["project"] == "webshop"
    assert shot["turns"] is None
    assert shot["tokens"] is None
    assert shot["verdict"] is None
    assert store.load_open_sessions(NOW) == []
    assert store.load_session("strange") is None


def test_a_turn_with_its_tool_takes_at_most_400_bytes(
    store: Store, life: Lives, path: Path, written: Written
) -> None:
    turns = 3_000
    for number in range(turns // 20):
        one = life(f"5f0c1e9a-7d1f-4c57-9d55-{number:012}", at=NOW + number * 250)
        tool = ""
        for step in range(20):
            exchange_id = one.start()
            if tool:
                one.tool_result(tool)  # it comes with the next request
            tool = f"toolu_01{number:011}{step:011}"
            one.answer(exchange_id, tools=(tool,))
        written()
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size / turns <= 400
