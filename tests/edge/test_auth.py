"""Who is let in, and the token file; strangers at every route are in tests/security."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from clauditor.edge.endpoints import ENDPOINTS
from clauditor.errors import ClauditorError
from clauditor.token_file import load_or_create_token
from support.served import TOKEN, Sidecar

PATHS = [
    *(endpoint.path.replace("{id}", "abcd") for endpoint in ENDPOINTS),
    "/",
    "/static/app.js",
    "/nothing",
    "/../x",
]
OPEN = {"/healthz", "/", "/static/app.js", "/api/v1/page/key"}

GOOD_HOSTS = [
    "127.0.0.1",
    "127.0.0.1:9091",
    "localhost",
    "LocalHost:1",
    "[::1]",
    "[::1]:9091",
    "sidecar.internal:443",
]

Header = tuple[bytes, bytes]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(sidecar: Sidecar, path: str, headers: Sequence[Header], method: str = "GET") -> Answer:
    """A request with exactly these headers, whatever a library would think of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
    try:
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        writer.write(f"{method} {path} HTTP/1.1\r\n".encode() + lines + b"\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        first, *rest = head.decode("latin-1").strip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        length = int(fields.get("content-length", 0)) if method != "HEAD" else 0
        return Answer(int(first.split()[1]), fields, await asyncio.wait_for(reader.readexactly(length), 10))
    finally:
        writer.close()


async def status_of(sidecar: Sidecar, path: str, headers: Sequence[Header], method: str = "GET") -> int:
    """The status; every answer that is ours is also held to its form."""
    answer = await ask(sidecar, path, headers, method)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    if answer.status >= 400 and answer.body:
        error = json.loads(answer.body)["error"]
        assert set(error) == {"code", "message"}
        assert error["message"].endswith(".")
    return answer.status


BEARER = (b"authorization", f"Bearer {TOKEN}".encode())


async def test_loopback_and_allowed_hosts_are_served(sidecar: Sidecar) -> None:
    for host in GOOD_HOSTS:
        assert await status_of(sidecar, "/api/v1/sessions", [(b"host", host.encode()), BEARER]) == 200, host


async def test_the_own_origin_is_served(sidecar: Sidecar) -> None:
    for host, origin in (
        ("127.0.0.1:9091", "http://127.0.0.1:9091"),
        ("sidecar.internal", "https://sidecar.internal"),
    ):
        headers = [(b"host", host.encode()), (b"origin", origin.encode()), BEARER]
        assert await status_of(sidecar, "/api/v1/sessions", headers) == 200


@pytest.mark.parametrize(
    "credentials",
    [
        "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN,
        f"Basic {TOKEN}", f"Bearer  {TOKEN}", f"Bearer {TOKEN.upper()}", "Bearer \xff\xfe", "Bearer ' OR 1=1 --",
        "Bearer " + "x" * 8000,
    ],
)  # fmt: skip
async def test_without_the_token_nothing_but_public_paths_is_read(sidecar: Sidecar, credentials: str) -> None:
    given = [(b"authorization", credentials.encode("latin-1"))] if credentials else []
    for path in PATHS:
        for method in ("GET", "POST", "HEAD"):
            status = await status_of(sidecar, path, [(b"host", b"127.0.0.1"), *given], method)
            assert (status != 401) == (path in OPEN), (path, method)


async def test_the_scheme_may_be_written_in_any_case(sidecar: Sidecar) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"bEARER {TOKEN}".encode())]
    assert await status_of(sidecar, "/api/v1/sessions", headers) == 200


@pytest.mark.parametrize(
    "path", ["/static/../api/v1/sessions", "/static/%2e%2e/metrics", "//metrics", "/healthz/", "/%2fmetrics"]
)
async def test_no_spelling_of_a_path_gets_around_the_token(sidecar: Sidecar, path: str) -> None:
    assert await status_of(sidecar, path, [(b"host", b"127.0.0.1")]) in {401, 404}


async def test_two_tokens_are_no_token(sidecar: Sidecar) -> None:
    assert await status_of(sidecar, "/api/v1/sessions", [(b"host", b"localhost"), BEARER, BEARER]) == 401


async def test_a_refusal_asks_for_the_token(sidecar: Sidecar) -> None:
    answer = await ask(sidecar, "/metrics", [(b"host", b"127.0.0.1")])
    assert answer.headers["www-authenticate"] == 'Bearer realm="clauditor"'


# -- the file -----------------------------------------------------------------------------------------


def test_the_token_is_made_once_and_only_for_us(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_or_create_token(path)
    assert len(token) >= 43  # 32 bytes
    assert load_or_create_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_a_token_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a-token-of-some-length\n")
    path.chmod(0o644)
    assert load_or_create_token(path) == "a-token-of-some-length"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_programs_that_start_at_once_agree_on_one_token(tmp_path: Path) -> None:
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.append(load_or_create_token(tmp_path / "token")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert len(set(seen)) == 1


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a-token-of-some-length")
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClauditorError, match="Cannot read the token file"):
        load_or_create_token(tmp_path / "token")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ClauditorError):
        load_or_create_token(tmp_path / "dangling")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "content", ["", "\n", "short", "two words of a token", "x" * 5000, "ünïcödé-token-of-length"]
)
def test_a_file_that_holds_no_token_is_not_taken_for_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(ClauditorError, match="holds no token"):
        load_or_create_token(tmp_path / "token")


def test_a_secret_kept_by_somebody_else_is_read_as_it_is(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("a-token-of-some-length\n")
    real.chmod(0o444)
    (tmp_path / "secret").symlink_to(real)
    assert load_or_create_token(tmp_path / "secret", may_create=False) == "a-token-of-some-length"
    assert stat.S_IMODE(real.stat().st_mode) == 0o444
    with pytest.raises(ClauditorError, match="does not exist"):
        load_or_create_token(tmp_path / "missing", may_create=False)
    assert not (tmp_path / "missing").exists()


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ClauditorError, match="Cannot write the token file"):
        load_or_create_token(tmp_path / "missing" / "token")
    assert not os.path.lexists(tmp_path / "missing")
