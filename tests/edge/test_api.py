"""What the endpoints answer, over real HTTP."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from clauditor.edge.endpoints import ENDPOINTS
from clauditor.model.events import (
    GapFound,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    Severity,
    SideCallFinished,
    SignalCleared,
    SignalRaised,
)
from clauditor.model.usage import Usage
from support.life import MODEL, NOW, Book
from support.served import Sidecar

ID = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"


async def ids(sidecar: Sidecar, query: str = "") -> list[str]:
    body = await sidecar.get(f"/api/v1/sessions{query}")
    assert body["schema_version"] == 1
    return [shot["session_id"] for shot in body["sessions"]]


def pair(session_id: str, severity: Severity) -> tuple[SignalRaised, SignalCleared]:
    """A signal is raised, and ten seconds later it is cleared."""
    same: Any = {"session_id": session_id, "name": "tool_loop", "severity": severity}
    raised = SignalRaised(
        at=NOW + 20,
        evidence="derived",
        summary="Again and again.",
        short="loop",
        next_step="Stop it.",
        **same,
    )
    return raised, SignalCleared(at=NOW + 30, raised_at=NOW + 20, **same)


def forget(sidecar: Sidecar, session_id: str) -> None:
    """The session leaves memory, as it does ten minutes after its end."""
    del sidecar.hub.sessions[session_id]


async def test_health_is_open_and_says_the_version(sidecar: Sidecar) -> None:
    answer = await httpx.AsyncClient(trust_env=False).get(f"http://127.0.0.1:{sidecar.port}/healthz")
    assert answer.json() == {"status": "ok", "version": "1.2.3"}


async def test_no_session_yet_is_an_empty_list(sidecar: Sidecar) -> None:
    assert await sidecar.get("/api/v1/sessions") == {
        "schema_version": 1,
        "sessions": [],
        "history_problem": None,
    }


async def test_live_and_past_sessions_stand_in_one_list_newest_first(sidecar: Sidecar) -> None:
    for number in range(4):
        sidecar.life(f"session-{number}", at=NOW + number * 20).turn()
    await sidecar.settle()
    forget(sidecar, "session-1")
    forget(sidecar, "session-3")
    assert await ids(sidecar) == [f"session-{number}" for number in (3, 2, 1, 0)]
    assert await ids(sidecar, "?limit=2") == ["session-3", "session-2"]


async def test_what_is_live_is_told_as_it_is_now_not_as_it_was_written(sidecar: Sidecar) -> None:
    life = sidecar.life()
    life.turn()
    await sidecar.settle()
    exchange_id = life.start()
    (shot,) = (await sidecar.get("/api/v1/sessions"))["sessions"]
    assert (shot["turns"], shot["state"]) == (2, "thinking")
    life.answer(exchange_id)
    (shot,) = (await sidecar.get("/api/v1/sessions"))["sessions"]
    assert shot["state"] == "waiting"


async def test_sessions_are_filtered(sidecar: Sidecar) -> None:
    old, new = sidecar.life("old-one", at=NOW - 5 * 86_400), sidecar.life("new-one")
    old.answer(old.start(project="archive"))
    new.start(project="webshop")
    sidecar.hub.publish(LabelFound(at=new.at, session_id="new-one", label="Fix the login test"))
    await sidecar.settle()
    forget(sidecar, "old-one")
    assert await ids(sidecar, "?days=3") == ["new-one"]
    assert await ids(sidecar, "?days=6") == ["new-one", "old-one"]
    assert await ids(sidecar, "?state=thinking") == ["new-one"]
    assert await ids(sidecar, "?state=ended") == ["old-one"]
    assert await ids(sidecar, "?search=LOGIN") == ["new-one"]
    assert await ids(sidecar, "?search=archive") == ["old-one"]
    assert await ids(sidecar, "?search=old-") == ["old-one"]
    assert await ids(sidecar, "?search=") == ["new-one", "old-one"]


async def test_live_and_past_sessions_are_filtered_by_the_same_rules(sidecar: Sidecar) -> None:
    for name, project, at in (("past-one", "Web Shop", NOW - 50), ("live-one", "web shop", NOW)):
        life = sidecar.life(name, at=at)
        life.answer(life.start(project=project))
    other = sidecar.life("live-two", at=NOW + 10)
    other.answer(other.start(project="infra"))
    await sidecar.settle()
    # Raised and cleared: what is asked for is what ever was.
    worst: tuple[tuple[str, Severity], ...] = (
        ("past-one", "act"),
        ("live-one", "act"),
        ("live-two", "watch"),
    )
    for name, severity in worst:
        for event in pair(name, severity):
            sidecar.store.sink.observe(event, None, ())
    await sidecar.settle()
    forget(sidecar, "past-one")
    assert await ids(sidecar, "?project=WEB%20SHOP") == ["live-one", "past-one"]
    assert await ids(sidecar, "?project=web") == []
    assert await ids(sidecar, "?model=OPUS&project=infra") == ["live-two"]
    assert await ids(sidecar, "?model=haiku") == []
    assert await ids(sidecar, "?verdict=act") == ["live-one", "past-one"]
    assert await ids(sidecar, "?verdict=watch") == ["live-two"]
    assert await ids(sidecar, "?verdict=ok") == []
    assert await ids(sidecar, "?signal=tool_loop") == ["live-two", "live-one", "past-one"]
    assert await ids(sidecar, "?signal=unheard_of") == []


async def test_a_signal_that_holds_now_counts_before_it_is_written(sidecar: Sidecar) -> None:
    sidecar.life("quiet").turn()
    sidecar.life("stuck").turn()
    await sidecar.settle()
    sidecar.hub.sessions["stuck"].apply(pair("stuck", "act")[0], Book())
    assert await ids(sidecar, "?verdict=act") == ["stuck"]
    assert await ids(sidecar, "?verdict=ok") == ["quiet"]
    assert await ids(sidecar, "?signal=tool_loop") == ["stuck"]


@pytest.mark.parametrize("past", [(), ("a", "c"), ("a", "b", "c", "d")])
async def test_sessions_are_sorted_live_or_past(sidecar: Sidecar, past: tuple[str, ...]) -> None:
    for number, (name, calls, context) in enumerate((("a", 3, 100), ("b", 1, 900_000), ("c", 2, 5_000))):
        life = sidecar.life(name, at=NOW - 1_000 * number)
        for _ in range(calls):
            life.answer(life.start(), usage=Usage(input=10, cache_read=context))
    sidecar.life("d", at=NOW - 9_000).start()
    await sidecar.settle()
    for name in past:
        forget(sidecar, name)
    for sort, order in (("activity", "abcd"), ("started", "abcd"), ("cost", "bcad"), ("context", "bcad")):
        assert await ids(sidecar, f"?sort={sort}") == list(order)
        assert await ids(sidecar, f"?sort={sort}&limit=2") == list(order[:2])


async def test_signals_are_told_newest_first(sidecar: Sidecar) -> None:
    for name in ("session-a", "session-b"):
        sidecar.life(name).turn()
        sidecar.store.sink.observe(pair(name, "act" if name == "session-a" else "watch")[0], None, ())
    sidecar.store.sink.observe(pair("session-a", "act")[1], None, ())
    await sidecar.settle()
    body = await sidecar.get("/api/v1/signals?severity=act")
    assert body == {
        "schema_version": 1,
        "signals": [
            {
                "session_id": "session-a",
                "agent_id": "main",
                "name": "tool_loop",
                "severity": "act",
                "evidence": "derived",
                "summary": "Again and again.",
                "raised_at": NOW + 20,
                "cleared_at": NOW + 30,
            }
        ],
    }

    async def of(query: str) -> list[str]:
        return [signal["session_id"] for signal in (await sidecar.get(f"/api/v1/signals?{query}"))["signals"]]

    assert len(await of("")) == 2
    assert len(await of("limit=1")) == 1
    assert await of("session=session-b") == ["session-b"]
    assert await of("session=session-b&name=tool_loop&days=1") == ["session-b"]
    assert await of("name=stalled") == []
    sidecar.now += 5 * 86_400
    assert await of("days=2") == []
    assert "More than one" in str(await sidecar.get("/api/v1/signals?session=session", status=400))


async def test_spending_is_told_by_what_was_asked_for(sidecar: Sidecar) -> None:
    today, before = sidecar.life("today"), sidecar.life("before", at=NOW - 3 * 86_400)
    before.answer(before.start(project="infra"))
    for _ in range(2):
        today.turn()
    await sidecar.settle()
    body = await sidecar.get("/api/v1/spend")
    assert (body["schema_version"], body["by"], body["days"]) == (1, "day", 7)
    assert [row["turns"] for row in body["rows"]] == [1, 2]
    assert set(body["rows"][0]) == set(body["total"]) | {"key"}
    assert body["total"]["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in body["rows"]))
    body = await sidecar.get("/api/v1/spend?by=project&days=3")
    assert [(row["key"], row["turns"]) for row in body["rows"]] == [("webshop", 2)]
    body = await sidecar.get("/api/v1/spend?by=branch&days=4")
    assert {(row["project"], row["key"]) for row in body["rows"]} == {("webshop", "main"), ("infra", "main")}
    assert (await sidecar.get("/api/v1/spend?by=year", status=400))["error"]["message"] == (
        "by must be one of day, project, branch, model."
    )


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?limit=0", "limit must be a whole number from 1 to 1000."),
        ("?limit=1001", "limit must be a whole number from 1 to 1000."),
        ("?limit=ten", "limit must be a whole number from 1 to 1000."),
        ("?limit=", "limit must be a whole number from 1 to 1000."),
        ("?limit=%D9%A3", "limit must be a whole number from 1 to 1000."),
        ("?days=-1", "days must be a whole number from 1 to 3650."),
        (
            "?state=asleep",
            "state must be one of thinking, streaming, tool, waiting, retrying, stalled, idle, ended.",
        ),
        ("?search=" + "x" * 257, "search must not be longer than 256 characters."),
        (
            "?pages=2",
            "/api/v1/sessions does not know the parameter 'pages'; it takes limit, days, state, search, project, model, verdict, signal, sort.",
        ),
    ],
)
async def test_a_bad_parameter_is_answered_with_a_sentence(
    sidecar: Sidecar, query: str, sentence: str
) -> None:
    body = await sidecar.get(f"/api/v1/sessions{query}", status=400)
    assert body == {"error": {"code": "bad_parameter", "message": sentence}}


async def test_one_session_has_side_calls_and_recent_turns(sidecar: Sidecar) -> None:
    life = sidecar.life()
    life.answer(life.start(), tools=("toolu_1",))
    title = SideCallFinished(
        at=life.at,
        started_at=life.at,
        session_id=ID,
        exchange_id="3-3",
        name="title",
        model=MODEL,
        usage=Usage(input=5),
    )
    sidecar.hub.publish(title)
    await sidecar.settle()
    for live in (True, False):
        if not live:
            forget(sidecar, ID)
        body = await sidecar.get(f"/api/v1/sessions/{ID}")
        assert body["schema_version"] == 1
        assert body["session_id"] == ID
        assert body["agents"][0]["agent_id"] == "main"
        assert [(side["name"], side["calls"]) for side in body["side_calls_by_name"]] == [("title", 1)]
        assert [tool["name"] for tool in body["recent_turns"][0]["tools"]] == ["Bash"]


async def test_a_unique_beginning_of_an_id_is_enough(sidecar: Sidecar) -> None:
    sidecar.life("abcd-1111").turn()
    sidecar.life("abcd-2222").turn()
    await sidecar.settle()
    forget(sidecar, "abcd-2222")
    assert (await sidecar.get("/api/v1/sessions/abcd-1"))["session_id"] == "abcd-1111"
    assert (await sidecar.get("/api/v1/sessions/abcd-2/turns"))["session_id"] == "abcd-2222"
    assert "More than one session" in str(await sidecar.get("/api/v1/sessions/abcd", status=400))
    assert "first 4 characters" in str(await sidecar.get("/api/v1/sessions/abc", status=400))
    body = await sidecar.get("/api/v1/sessions/nobody", status=404)
    assert body["error"]["code"] == "not_found"


async def test_a_short_id_that_is_whole_is_found(sidecar: Sidecar) -> None:
    sidecar.life("s").turn()
    await sidecar.settle()
    assert (await sidecar.get("/api/v1/sessions/s"))["session_id"] == "s"
    forget(sidecar, "s")
    assert (await sidecar.get("/api/v1/sessions/s"))["session_id"] == "s"


async def test_turns_are_limited_to_the_newest(sidecar: Sidecar) -> None:
    life = sidecar.life()
    for _ in range(5):
        life.turn()
    await sidecar.settle()
    body = await sidecar.get(f"/api/v1/sessions/{ID}/turns?limit=2")
    assert [turn["turn_id"].split("-")[0] for turn in body["turns"]] == ["4", "5"]


async def test_the_summary_counts_today_the_week_live_sessions_and_limits(sidecar: Sidecar) -> None:
    today, before = sidecar.life("today"), sidecar.life("before", at=NOW - 3 * 86_400)
    long_ago = sidecar.life("long ago", at=NOW - 30 * 86_400)
    for life in (today, before, long_ago):
        life.turn()
    today.start()
    window = LimitWindow(name="five_hour", used_ratio=0.5, resets_at=NOW + 60, status="allowed")
    sidecar.hub.publish(
        LimitsSeen(at=NOW, session_id="today", account="acc", billing="plan", windows=(window,))
    )
    await sidecar.settle()
    forget(sidecar, "before")
    body = await sidecar.get("/api/v1/summary")
    assert body["today"]["turns"] == 1
    assert body["week"]["turns"] == 2
    assert body["week"]["cost_usd"] == pytest.approx(2 * body["today"]["cost_usd"])
    assert body["week"]["cost_complete"] is True
    assert body["last_hour"]["cost_usd"] == pytest.approx(body["today"]["cost_usd"])
    assert body["last_hour"]["since"] == sidecar.now - 3600
    assert body["live"]["states"]["thinking"] == 1
    assert body["limits"]["acc"]["windows"]["five_hour"]["used_ratio"] == 0.5
    assert body["limits"]["acc"]["billing"] == "plan"
    assert body["history_problem"] is None


async def test_a_gap_makes_totals_incomplete(sidecar: Sidecar) -> None:
    sidecar.life().turn()
    sidecar.hub.publish(
        GapFound(at=sidecar.now, session_id=ID, exchange_id="9-9", reason="restart", unseen_bytes=7)
    )
    await sidecar.settle()
    body = await sidecar.get("/api/v1/summary")
    assert body["today"]["cost_complete"] is False
    assert body["today"]["unobserved"] == {"exchanges": 1, "bytes": 7}
    gaps = await sidecar.get("/api/v1/gaps")
    assert gaps["total"] == {"exchanges": 1, "bytes": 7}
    assert [(gap["session_id"], gap["reason"]) for gap in gaps["gaps"]] == [(ID, "restart")]
    sidecar.now += 5 * 86_400
    assert (await sidecar.get("/api/v1/gaps?days=2"))["gaps"] == []


async def test_metrics_are_scraped(sidecar: Sidecar) -> None:
    sidecar.life().turn()
    answer = await sidecar.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    assert f'clauditor_turns_total{{model="{MODEL}",project="webshop"}} 1.0' in answer.text


async def test_names_from_outside_never_break_the_json(sidecar: Sidecar) -> None:
    life = sidecar.life()
    life.answer(life.start(project="lone \ud800 surrogate"))
    await sidecar.settle()
    sidecar.life("another").turn()
    await sidecar.settle()
    shots = {shot["session_id"]: shot for shot in (await sidecar.get("/api/v1/sessions"))["sessions"]}
    assert shots[ID]["project"].startswith("lone ")
    assert sidecar.store.load_session("another") is not None


async def test_the_live_view_goes_on_when_the_history_is_broken(sidecar: Sidecar, tmp_path: Path) -> None:
    sidecar.life().turn()
    await sidecar.settle()
    sidecar.store.writer._is_checked = False
    body = await sidecar.get("/api/v1/sessions")
    assert [shot["session_id"] for shot in body["sessions"]] == [ID]
    assert body["history_problem"]
    body = await sidecar.get(f"/api/v1/sessions/{ID}")
    assert body["recent_turns"] is None
    body = await sidecar.get("/api/v1/summary")
    assert body["today"] is None
    assert body["live"]["sessions"] == 1
    assert body["history_problem"]
    assert (await ids(sidecar, "?verdict=ok"), await ids(sidecar, "?verdict=act")) == ([ID], [])
    for path in (f"/api/v1/sessions/{ID}/turns", "/api/v1/gaps", "/api/v1/signals", "/api/v1/spend"):
        assert (await sidecar.get(path, status=503))["error"]["code"] == "history_unavailable"


async def test_an_error_of_ours_is_told_without_details_and_counted(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise sqlite3.Warning("secret detail")

    monkeypatch.setattr(sidecar.hub, "limits", broken)
    answer = await sidecar.client.get("/api/v1/summary")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert 'clauditor_internal_errors_total{part="api"} 1.0' in sidecar.metrics.render().decode()


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/", "/api/v2/sessions/a"])
async def test_an_unknown_path_is_a_404_with_a_sentence(sidecar: Sidecar, path: str) -> None:
    body = await sidecar.get(path, status=404)
    assert body["error"]["message"].endswith("/api/v1/openapi.json lists what there is.")


@pytest.mark.parametrize("given", ["", "a/b", "a%20b%2Fc"])
async def test_an_id_that_can_be_none_is_a_404_about_the_id(sidecar: Sidecar, given: str) -> None:
    body = await sidecar.get(f"/api/v1/sessions/{given}", status=404)
    assert body["error"]["message"] == "No session can have such an id; clauditor sessions lists them."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_no_method_is_answered_that_is_not_in_the_table(sidecar: Sidecar, method: str) -> None:
    posts = {endpoint.path for endpoint in ENDPOINTS if endpoint.method == "POST"}
    for path in {endpoint.path for endpoint in ENDPOINTS} - (posts if method == "POST" else set()):
        answer = await sidecar.client.request(method, path.replace("{id}", ID))
        assert answer.status_code == 405, path


async def test_heads_are_answered_without_a_body_and_end(sidecar: Sidecar) -> None:
    sidecar.life().turn()
    for endpoint in (endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"):
        answer = await sidecar.client.head(endpoint.path.replace("{id}", ID))
        assert (answer.status_code, answer.content) == (200, b""), endpoint.path


async def test_openapi_describes_exactly_what_is_served(sidecar: Sidecar) -> None:
    body = await sidecar.get("/api/v1/openapi.json")
    assert body["openapi"] == "3.1.0"
    assert set(body["paths"]) == {endpoint.path for endpoint in ENDPOINTS}
    sidecar.life().turn()
    await sidecar.settle()
    for path, operations in body["paths"].items():
        if path.endswith("/stream") or "get" not in operations:
            continue
        answer = await sidecar.client.get(path.replace("{id}", ID))
        assert answer.status_code == 200, path
        assert (
            answer.headers["content-type"].split(";")[0] in operations["get"]["responses"]["200"]["content"]
        )
        for parameter in operations["get"]["parameters"]:
            if parameter["in"] == "query":
                schema = parameter["schema"]
                anything = ID if parameter["name"] == "session" else "x"
                allowed = schema.get("enum", [schema.get("maximum", anything)])[0]
                answer = await sidecar.client.get(
                    path.replace("{id}", ID), params={parameter["name"]: allowed}
                )
                assert answer.status_code == 200, (path, parameter)
    assert json.dumps(body)
