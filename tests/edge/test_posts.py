"""What is told over HTTP: hooks of the client, and which session is to keep quiet; and the report it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clauditor.model.state import STALLED
from support.served import Sidecar

JSON = {"content-type": "application/json"}
MUTE = "/api/v1/sessions/aaaa/mute"
HOOKS = "/api/v1/hooks/claude-code"


def hook(name: str, session_id: str = "aaaa", **more: Any) -> dict[str, Any]:
    return {"session_id": session_id, "hook_event_name": name, "cwd": "/src", **more}


async def test_a_permission_hook_shows_at_once_and_the_status_line_ends_it(sidecar: Sidecar) -> None:
    life = sidecar.life("aaaa")
    life.answer(life.start(), tools=("t1",))
    answer = await sidecar.client.post(HOOKS, json=hook("PermissionRequest", tool_name="Bash"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await sidecar.get("/api/v1/sessions/aaaa"))["waiting_for"] == "approval"
    status_line = {
        "session_id": "aaaa",
        "model": {"id": "x"},
        "context_window": {},
        "cost": {"total_cost_usd": 2.5},
    }
    await sidecar.client.post(HOOKS, json=status_line)
    shot = await sidecar.get("/api/v1/sessions/aaaa")
    assert (shot["waiting_for"], shot["client_cost_usd"]) == (None, 2.5)


async def test_a_hook_of_an_unknown_session_makes_none(sidecar: Sidecar) -> None:
    assert (await sidecar.client.post(HOOKS, json=hook("SessionStart", "unseen"))).status_code == 204
    assert (await sidecar.get("/api/v1/sessions"))["sessions"] == []


async def test_a_session_end_hook_ends_the_session(sidecar: Sidecar) -> None:
    sidecar.life("aaaa").turn()
    await sidecar.client.post(HOOKS, json=hook("SessionEnd", reason="prompt_input_exit"))
    assert (await sidecar.get("/api/v1/sessions/aaaa"))["state"] == "ended"


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b"{", b"\xff"])
async def test_what_is_no_hook_is_refused_with_a_sentence(sidecar: Sidecar, body: bytes) -> None:
    answer = await sidecar.client.post(HOOKS, content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(".")


async def test_a_large_hook_is_taken_up_to_its_own_limit(sidecar: Sidecar) -> None:
    big = json.dumps(hook("PostToolUse", tool_response="x" * 200_000)).encode()
    assert (await sidecar.client.post(HOOKS, content=big, headers=JSON)).status_code == 204
    larger = json.dumps(hook("PostToolUse", tool_response="x" * 300_000)).encode()
    assert (await sidecar.client.post(HOOKS, content=larger, headers=JSON)).status_code == 413


async def test_a_session_is_muted_and_unmuted(sidecar: Sidecar) -> None:
    life = sidecar.life("aaaa")
    life.start()
    sidecar.now = life.at + 100
    sidecar.hub.tick(sidecar.now)
    assert STALLED in sidecar.hub.sessions["aaaa"].signals
    assert (await sidecar.client.post(MUTE, json={"muted": True})).status_code == 204
    muted = await sidecar.get("/api/v1/sessions/aaaa")
    assert muted["muted_until"] == sidecar.now + 3600
    assert muted["attention"] <= 100
    await sidecar.settle()  # nothing else happens, and it is kept all the same
    (kept,) = sidecar.store.load_open_sessions(sidecar.now)
    assert kept.muted_until == sidecar.now + 3600
    assert (await sidecar.client.post(MUTE, json={"muted": False})).status_code == 204
    assert (await sidecar.get("/api/v1/sessions/aaaa"))["muted_until"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MUTE, {"muted": "yes"}, 400),
        (MUTE, {}, 400),
        ("/api/v1/sessions/nobody/mute", {"muted": True}, 404),
    ],
)
async def test_a_mute_that_cannot_be_is_refused(
    sidecar: Sidecar, path: str, body: dict[str, Any], status: int
) -> None:
    sidecar.life("aaaa").turn()
    assert (await sidecar.client.post(path, json=body)).status_code == status


@pytest.mark.parametrize("path", [MUTE, HOOKS])
async def test_a_post_needs_the_token_json_and_no_foreign_origin(sidecar: Sidecar, path: str) -> None:
    sidecar.life("aaaa").turn()
    post = sidecar.client.post
    body = b'{"muted": true}'
    assert (await post(path, content=body, headers={**JSON, "authorization": "Bearer no"})).status_code == 401
    assert (
        await post(path, content=body, headers={**JSON, "origin": "https://evil.example"})
    ).status_code == 403
    assert (await post(path, content=body, headers={**JSON, "host": "evil.example"})).status_code == 421
    assert (await post(path, content=body, headers={"content-type": "text/plain"})).status_code == 415
    assert (await sidecar.client.get(path)).status_code == 405


async def test_a_report_is_made_of_live_and_of_past_sessions(sidecar: Sidecar) -> None:
    life = sidecar.life("aaaa")
    life.answer(life.start(), tools=("t1",))
    life.tool_result("t1", "error")
    life.turn()
    await sidecar.settle()
    live = await sidecar.get("/api/v1/sessions/aaaa/postmortem")
    assert live["schema_version"] == 1
    assert live["session_id"] == "aaaa"
    sidecar.hub.sessions.clear()
    past = await sidecar.get("/api/v1/sessions/aaaa/postmortem")
    assert past["session_id"] == "aaaa"
    await sidecar.get("/api/v1/sessions/nobody/postmortem", status=404)


async def test_a_report_knows_a_signal_that_the_history_does_not_have_yet(sidecar: Sidecar) -> None:
    life = sidecar.life("aaaa")
    life.turn()
    await sidecar.settle()
    life.start()
    sidecar.now = life.at + 100
    sidecar.hub.tick(sidecar.now)

    async def told() -> list[tuple[str, int, float, float | None]]:
        made = await sidecar.get("/api/v1/sessions/aaaa/postmortem")
        return [
            (one["name"], one["times"], one["raised_at"], one["cleared_at"])
            for one in made["findings"]
            if one["name"] == STALLED
        ]

    at_once = await told()
    assert at_once == [(STALLED, 1, sidecar.now, None)]
    await sidecar.settle()
    assert await told() == at_once  # kept now, and still one


async def test_a_status_line_is_taken_and_answered_in_one_go(sidecar: Sidecar) -> None:
    sidecar.life("aaaa").turn()
    other = sidecar.life("bbbb")
    other.answer(other.start(), tools=("t1",))
    await sidecar.client.post(HOOKS, json=hook("PermissionRequest", "bbbb", tool_name="Bash"))
    sidecar.now += 10
    sidecar.hub.tick(sidecar.now)
    told = {"session_id": "aaaa", "model": {"id": "x"}, "context_window": {}, "cost": {"total_cost_usd": 1.5}}
    answer = await sidecar.client.post("/api/v1/statusline", json=told)
    assert answer.status_code == 200
    body = answer.json()
    assert body["session"]["client_cost_usd"] == 1.5
    assert body["others"] == {"act": 1, "names": ["webshop"]}
    assert body["incident"] is None
    unknown = await sidecar.client.post("/api/v1/statusline", json=told | {"session_id": "cccc"})
    assert unknown.json()["session"] is None
    assert (await sidecar.client.post("/api/v1/statusline", json={"model": {"id": "x"}})).status_code == 400
