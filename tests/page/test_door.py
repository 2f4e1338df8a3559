"""How the page is let in: a code that is good once, and a key that opens the page's own paths and nothing else."""

from __future__ import annotations

import pytest

from clauditor.edge.page_key import CODE_SECONDS, MAX_CODES, Codes, page_key
from support.served import TOKEN, Sidecar

NOW = 1_790_000_000.0
CODE = "/api/v1/page/code"
KEY = "/api/v1/page/key"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_code_is_good_once_and_for_a_minute() -> None:
    codes = Codes()
    code = codes.issue(NOW)
    assert len(code) >= 32
    assert codes.redeem(code, NOW + 1)
    assert not codes.redeem(code, NOW + 1)
    late = codes.issue(NOW)
    assert not codes.redeem(late, NOW + CODE_SECONDS)


def test_a_clock_that_was_set_back_keeps_no_code_alive() -> None:
    codes = Codes()
    code = codes.issue(NOW)
    assert not codes.redeem(code, NOW - 3600)


@pytest.mark.parametrize("given", ["", "x", "é", "\ud800", "A" * 4096])
def test_anything_else_is_no_code(given: str) -> None:
    codes = Codes()
    codes.issue(NOW)
    assert not codes.redeem(given, NOW)


def test_codes_are_bounded_and_the_oldest_goes() -> None:
    codes = Codes()
    issued = [codes.issue(NOW) for _ in range(MAX_CODES + 3)]
    assert codes.dropped == 3
    assert [codes.redeem(code, NOW) for code in issued] == [False] * 3 + [True] * MAX_CODES


def test_the_key_hangs_on_the_token_and_tells_nothing_of_it() -> None:
    assert page_key(TOKEN) == page_key(TOKEN)
    assert page_key(TOKEN) != page_key(TOKEN + "x")
    assert TOKEN not in page_key(TOKEN)


async def test_a_code_becomes_a_key_and_the_key_opens_the_page(sidecar: Sidecar) -> None:
    code = (await sidecar.client.post(CODE, json={})).json()["code"]
    answer = await sidecar.client.post(KEY, json={"code": code}, headers={"authorization": ""})
    key = answer.json()["key"]
    assert key == page_key(TOKEN)
    sidecar.life("aaaa").turn()
    for path in ("/api/v1/page/sessions", "/api/v1/page/sessions/aaaa", "/api/v1/page/limits"):
        assert (await sidecar.client.get(path, headers=bearer(key))).status_code == 200, path
    again = await sidecar.client.post(KEY, json={"code": code})
    assert (again.status_code, again.json()["error"]["code"]) == (403, "code_not_good")


async def test_the_key_opens_nothing_else(sidecar: Sidecar) -> None:
    key = bearer(page_key(TOKEN))
    for path in (
        "/metrics",
        "/api/v1/sessions",
        "/api/v1/stream",
        "/api/v1/spend",
        "/api/v1/page/../sessions",
    ):
        assert (await sidecar.client.get(path, headers=key)).status_code == 401, path
    hook = await sidecar.client.post("/api/v1/hooks/claude-code", json={}, headers=key)
    assert hook.status_code == 401


async def test_codes_are_made_for_the_token_and_taken_from_our_own_page_only(sidecar: Sidecar) -> None:
    assert (await sidecar.client.post(CODE, json={}, headers={"authorization": ""})).status_code == 401
    code = (await sidecar.client.post(CODE, json={})).json()["code"]
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        refused = await sidecar.client.post(KEY, json={"code": code}, headers=headers)
        assert refused.status_code in {403, 421}
    assert (await sidecar.client.post(KEY, json={"code": 7})).status_code == 400
    assert (await sidecar.client.post(KEY, json={"code": code})).status_code == 200


async def test_every_data_path_of_the_page_needs_a_key(sidecar: Sidecar) -> None:
    for path in ("/api/v1/page/stream", "/api/v1/page/sessions", "/api/v1/page/limits"):
        assert (await sidecar.client.get(path, headers={"authorization": ""})).status_code == 401


async def test_zones_are_minutes_either_way(sidecar: Sidecar) -> None:
    get = sidecar.client.get
    for zone, status in (
        ("-480", 200),
        ("330", 200),
        ("-1081", 400),
        ("1081", 400),
        ("--1", 400),
        ("1-", 400),
    ):
        assert (await get("/api/v1/page/limits", params={"zone": zone})).status_code == status, zone
