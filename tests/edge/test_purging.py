"""Purge and restore over HTTP: memory and disk forget together, and nonsense changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clauditor.store.copying import back_up, incoming
from support.served import Sidecar, serving

PURGE, RESTORE = "/api/v1/purge", "/api/v1/restore"


async def live_ids(sidecar: Sidecar) -> list[str]:
    return sorted(each["session_id"] for each in (await sidecar.get("/api/v1/sessions"))["sessions"])


async def test_a_live_session_is_gone_from_memory_and_disk(sidecar: Sidecar) -> None:
    sidecar.life("aaaa-1").turn()
    sidecar.life("bbbb-2").turn()
    await sidecar.settle()
    sidecar.life("aaaa-1").turn()  # waits to be written
    answer = await sidecar.client.post(PURGE, json={"session": "aaaa"})
    assert answer.json() == {"schema_version": 1, "sessions": 1, "whole": True}
    await sidecar.settle()
    assert await live_ids(sidecar) == ["bbbb-2"]
    assert list(sidecar.hub.sessions) == ["bbbb-2"]
    assert (await sidecar.get("/api/v1/sessions/aaaa-1", 404))["error"]["message"].startswith(
        "There is no session"
    )
    assert (await sidecar.client.post(PURGE, json={"session": "aaaa-1"})).status_code == 404


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"project": "WEBSHOP"}, ["bbbb-2"]),
        ({"older_than_days": 30}, ["bbbb-2"]),
        ({"older_than_days": 0}, []),
        ({"all": True}, []),
    ],
)
async def test_a_project_an_age_and_all(sidecar: Sidecar, what: dict[str, Any], left: list[str]) -> None:
    old = sidecar.life("aaaa-1", at=sidecar.now - 40 * 86_400)
    old.turn()
    new = sidecar.life("bbbb-2", at=sidecar.now - 3600)
    new.answer(new.start(project="other"))
    answer = await sidecar.client.post(PURGE, json=what)
    assert (answer.status_code, answer.json()["sessions"]) == (200, 2 - len(left))
    assert await live_ids(sidecar) == left


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"all": 1.5},
        {"session": "aaaa", "all": True},
        {"session": ""},
        {"session": ["aaaa"]},
        {"project": "x" * 1000},
        {"older_than_days": -1},
        {"older_than_days": True},
        {"older_than_days": 1e300},
        {"older_than_days": 10**400},
        {"older_than_days": "30"},
        {"all": True, "extra": 1},
    ],
)
async def test_what_is_not_exactly_one_wish_changes_nothing(sidecar: Sidecar, body: dict[str, Any]) -> None:
    sidecar.life("aaaa-1").turn()
    answer = await sidecar.client.post(PURGE, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(".")
    assert await live_ids(sidecar) == ["aaaa-1"]


async def test_a_returning_reader_is_not_told_of_the_purged(sidecar: Sidecar) -> None:
    sidecar.life("aaaa-1").turn()
    await sidecar.feed.flush()
    assert any(event.session_id == "aaaa-1" for _, event in sidecar.feed._kept)
    await sidecar.client.post(PURGE, json={"session": "aaaa-1"})
    assert not any(event.session_id == "aaaa-1" for _, event in sidecar.feed._kept)


async def test_restore_takes_only_what_was_prepared(sidecar: Sidecar) -> None:
    sidecar.life("aaaa-1").turn()
    await sidecar.settle()
    answer = await sidecar.client.post(RESTORE, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "nothing_prepared")
    assert (await sidecar.client.post(RESTORE, json={"path": "/etc/passwd"})).status_code == 400
    path = sidecar.store.writer.path
    back_up(path, path.with_name("copy"))
    await sidecar.client.post(PURGE, json={"all": True})
    assert await live_ids(sidecar) == []
    path.with_name("copy").rename(incoming(path))
    answer = await sidecar.client.post(RESTORE, json={})
    assert answer.json()["replaced"].endswith("clauditor.db.replaced-1")
    assert await live_ids(sidecar) == ["aaaa-1"]
    assert sidecar.store.problem is None


@pytest.mark.parametrize("path", [PURGE, RESTORE])
async def test_a_history_that_cannot_be_opened_is_said_so(tmp_path: Path, path: str) -> None:
    (tmp_path / "clauditor.db").symlink_to(tmp_path / "elsewhere.db")  # given up
    async with serving(tmp_path) as sidecar:
        answer = await sidecar.client.post(path, json={"all": True} if path == PURGE else {})
    assert answer.status_code == 503
    assert "is a symbolic link" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [PURGE, RESTORE])
async def test_both_want_the_token_and_json(sidecar: Sidecar, path: str) -> None:
    sidecar.life("aaaa-1").turn()
    bare = await sidecar.client.post(path, json={"all": True}, headers={"authorization": "Bearer wrong"})
    form = await sidecar.client.post(path, data={"all": "true"})
    assert (bare.status_code, form.status_code) == (401, 415)
    assert await live_ids(sidecar) == ["aaaa-1"]
