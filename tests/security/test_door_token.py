"""A token that is replaced: the old one and all it has let in ends, everybody who reads the file goes on."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from clauditor.client import connect
from clauditor.config import Settings
from clauditor.edge.following import FollowedToken
from clauditor.edge.page_key import page_key
from clauditor.errors import ClauditorError
from clauditor.token_file import load_or_create_token, rotate_token
from security.door import JSON, Wire
from support.prometheus import scraping
from support.served import TOKEN, Sidecar, serving
from support.stack import RunningStack, running_stack
from support.waiting import eventually, until

NEW = "another-token-of-some-length"


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# -- the file ------------------------------------------------------------------------------------------


def test_a_new_token_takes_the_place_of_the_old_one_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    old = load_or_create_token(path)
    new = rotate_token(path)
    assert new != old
    assert len(new) >= 43  # 32 bytes
    assert load_or_create_token(path) == new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("content", [None, "", "no token", "\xff"])
def test_it_heals_a_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    new = rotate_token(path)
    assert load_or_create_token(path) == new


def test_no_link_is_followed_or_replaced(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    path = tmp_path / "token"
    path.symlink_to(elsewhere)
    with pytest.raises(ClauditorError, match="symbolic link"):
        rotate_token(path)
    assert elsewhere.read_text() == "untouched"
    assert path.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_replaced_is_a_sentence_and_nothing_is_left_over(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    (tmp_path / "token" / "in the way").touch()
    with pytest.raises(ClauditorError, match=r"Cannot write the token file .*\.$"):
        rotate_token(tmp_path / "token")
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_leaves_it_to_whom_it_belonged(tmp_path: Path) -> None:
    path = tmp_path / "token"
    load_or_create_token(path)
    os.chown(path, 10001, 10002)
    rotate_token(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10002)


# -- the sidecar that reads it -------------------------------------------------------------------------


def test_what_the_file_says_holds_at_once_and_what_it_cannot_say_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = FollowedToken(path, is_ours=True)
    old = token()
    new = rotate_token(path)
    assert token() == new != old
    path.write_text("short")
    assert token() == new
    path.unlink()
    assert token() == new
    (tmp_path / "elsewhere").write_text(NEW)
    path.symlink_to(tmp_path / "elsewhere")
    assert token() == new
    path.unlink()
    newest = rotate_token(path)
    assert token() == newest


def test_a_secret_kept_by_somebody_else_is_followed_through_its_links(tmp_path: Path) -> None:
    """As secrets are mounted into containers: a link to a directory that is exchanged."""
    for name, content in (("one", TOKEN), ("two", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(content)
    (tmp_path / "now").symlink_to("one")
    token = FollowedToken(tmp_path / "now" / "token", is_ours=False)
    assert token() == TOKEN
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "now")
    assert token() == NEW


async def test_the_old_token_its_page_key_and_its_codes_open_nothing_any_more(sidecar: Sidecar) -> None:
    ask = sidecar.client.post
    code = (await ask("/api/v1/page/code", json={})).json()["code"]
    sidecar.token = NEW
    for path, key in (
        ("/api/v1/sessions", TOKEN),
        ("/metrics", TOKEN),
        ("/api/v1/page/sessions", page_key(TOKEN)),
    ):
        assert (await sidecar.client.get(path, headers=bearer(key))).status_code == 401
    assert (await ask("/api/v1/page/key", json={"code": code})).status_code == 403
    for path, key in (("/api/v1/sessions", NEW), ("/api/v1/page/sessions", page_key(NEW))):
        assert (await sidecar.client.get(path, headers=bearer(key))).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/stream", "/api/v1/page/stream"])
async def test_streams_that_the_old_token_opened_end(sidecar: Sidecar, path: str) -> None:
    async with sidecar.client.stream("GET", path) as answer:
        pieces = answer.aiter_bytes()
        await anext(pieces)
        sidecar.token = NEW
        sidecar.server.tick(sidecar.now)
        async with asyncio.timeout(5):
            async for _ in pieces:
                pass
    async with sidecar.client.stream("GET", path, headers=bearer(NEW)) as answer:
        assert await anext(answer.aiter_bytes())


async def test_a_body_that_began_with_the_old_token_is_not_taken(sidecar: Sidecar) -> None:
    sidecar.life("aaaa").turn()
    body = b'{"muted": true}'
    head = f"POST /api/v1/sessions/aaaa/mute HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n"
    wire = Wire(sidecar.port)
    began = f"{head}{JSON[0].decode()}: {JSON[1].decode()}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    sent = asyncio.create_task(wire.send(began))
    await eventually(lambda: sidecar.server.crowd.by_turn()["body"] == 1)
    sidecar.token = NEW
    sidecar.server.tick(sidecar.now)
    assert wire._writer is not None
    wire._writer.write(body)
    assert (await sent).status == 400
    assert sidecar.hub.sessions["aaaa"].muted_until is None
    wire.close()


# -- the command, and everybody else -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("rotated"), "http://127.0.0.1:1") as running:
        yield running


def rotate(stack: RunningStack, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clauditor", "token", "rotate", "--data-dir", str(stack.data_dir)]
    return subprocess.run(
        command, env=stack.env | environ, capture_output=True, text=True, timeout=30, check=False
    )


def status_line(stack: RunningStack) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clauditor", "statusline", "--data-dir", str(stack.data_dir)]
    given = json.dumps({"session_id": "s"})
    return subprocess.run(
        command, input=given, env=stack.env, capture_output=True, text=True, timeout=30, check=False
    )


async def test_a_running_sidecar_takes_it_over_and_who_reads_the_file_goes_on(stack: RunningStack) -> None:
    url, old = stack.status["sidecar"]["url"], (stack.data_dir / "token").read_text().strip()
    pid = stack.status["sidecar"]["pid"]
    client = connect(Settings(data_dir=stack.data_dir))
    with scraping(stack.data_dir.parent, url, stack.data_dir / "token") as prometheus:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as stranger:
            stream = client.astream()
            await anext(stream)
            done = await asyncio.to_thread(rotate, stack)
            assert (done.returncode, done.stderr) == (0, "")
            assert "took it over" in done.stdout
            new = (stack.data_dir / "token").read_text().strip()
            assert new not in done.stdout
            assert old != new
            assert (await stranger.get("/metrics", headers=bearer(old))).status_code == 401
            async with asyncio.timeout(5):
                async for _ in stream:
                    pass  # to its end: it was opened with the old one
            again = client.astream()
            assert (await anext(again)).event == "snapshot"
            await again.aclose()  # type: ignore[attr-defined]  # an async generator behind the interface
        assert (await asyncio.to_thread(client.summary))["live"]["sessions"] == 0
        told = await asyncio.to_thread(status_line, stack)
        assert told.returncode == 0
        assert "not recording" not in told.stdout
        seen = prometheus.now()
        until(
            lambda: prometheus.instant('timestamp(up{job="clauditor"} == 1)')[0].last > seen + 1,
            "two scrapes",
        )
        assert prometheus.instant('min_over_time(up{job="clauditor"}[10s])')[0].last == 1
    assert stack.status["sidecar"]["pid"] == pid


def test_a_file_that_somebody_else_keeps_is_left_to_them(stack: RunningStack, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(NEW)
    before = (stack.data_dir / "token").read_text()
    done = rotate(stack, CLAUDITOR_TOKEN_FILE=str(kept))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is kept by you: write another secret" in done.stderr
    assert kept.read_text() == NEW
    assert (stack.data_dir / "token").read_text() == before


def test_without_a_sidecar_the_next_one_begins_with_it(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "data", dict(os.environ))
    done = rotate(stack)
    assert done.returncode == 1
    assert done.stderr.endswith("clauditor up makes it, with a token.\n")
    stack.data_dir.mkdir()
    done = rotate(stack)
    assert (done.returncode, done.stderr) == (0, "")
    assert "begins with this one" in done.stdout
    assert len((stack.data_dir / "token").read_text().strip()) >= 43
