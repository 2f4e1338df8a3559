"""Claude Code processes that the proxy does not see, in process tables made for the test and in the real one."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from clauditor.proxy.unwatched import Unwatched, unwatched

PROXY = "http://127.0.0.1:10000"
LINE = "   0: {} {} 01 00000000:00000000 00:00000000 00000000     0        0 {} 1 0 100 0 0 10 0\n"

Make = Callable[..., None]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    proc = tmp_path / "proc"
    (proc / "net").mkdir(parents=True)
    (proc / "self").mkdir()
    return proc


@pytest.fixture
def process(table: Path, tmp_path: Path) -> Make:
    """Puts a process into the table."""

    def make(
        pid: int,
        *words: str,
        comm: str = "node",
        parent: int = 1,
        environ: Mapping[str, str] | None = None,
        sockets: Sequence[int] = (),
    ) -> None:
        home = table / str(pid)
        (home / "fd").mkdir(parents=True)
        (home / "cmdline").write_text("".join(f"{word}\0" for word in words))
        (home / "comm").write_text(comm + "\n")
        (home / "stat").write_text(f"{pid} (a) b) S {parent} 1 1 0\n")
        variables = {"CLAUDE_CONFIG_DIR": str(tmp_path / "claude"), **(environ or {})}
        (home / "environ").write_text("".join(f"{name}={value}\0" for name, value in variables.items()))
        (home / "cwd").symlink_to(tmp_path / "work")
        for number, inode in enumerate(sockets):
            (home / "fd" / str(number)).symlink_to(f"socket:[{inode}]")

    return make


def pids(table: Path, proxy_url: str | None = PROXY) -> list[int]:
    return [found.pid for found in unwatched(proxy_url, table)]


@pytest.mark.parametrize(
    ("words", "comm"),
    [
        (["claude"], "claude"),
        (["/home/me/.local/bin/claude", "--resume"], "claude"),
        (["claude", ""], "MainThread"),
        (["node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"], "node"),
        (["/usr/bin/node", "/usr/local/bin/claude", "-p"], "node"),
    ],
)
def test_claude_code_is_known_by_its_program_title_or_script(
    table: Path, process: Make, tmp_path: Path, words: list[str], comm: str
) -> None:
    process(11, *words, comm=comm)
    assert unwatched(PROXY, table) == [Unwatched(pid=11, directory=tmp_path / "work")]


@pytest.mark.parametrize(
    ("words", "comm"),
    [
        ([], "kworker"),
        (["vim", "claude"], "vim"),
        (["node", "server.js", "claude"], "node"),
        (["node"], "node"),
        (["python", "-m", "clauditor", "run", "claude"], "python"),
    ],
)
def test_other_programs_are_none(table: Path, process: Make, words: list[str], comm: str) -> None:
    process(11, *words, comm=comm)
    assert pids(table) == []


def test_one_that_is_sent_to_the_proxy_is_watched(table: Path, process: Make) -> None:
    process(11, "claude", environ={"ANTHROPIC_BASE_URL": PROXY + "/"})
    process(12, "claude", environ={"ANTHROPIC_BASE_URL": "https://llm.example"})
    assert pids(table) == [12]
    assert pids(table, None) == [11, 12]


def test_settings_beat_the_environment(table: Path, process: Make, tmp_path: Path) -> None:
    process(11, "claude")
    process(12, "claude", environ={"ANTHROPIC_BASE_URL": PROXY})
    settings = tmp_path / "claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(f'{{"env": {{"ANTHROPIC_BASE_URL": "{PROXY}"}}}}')
    assert pids(table) == []
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}}')
    assert pids(table) == [11, 12]


def test_one_that_is_connected_to_the_proxy_is_watched(table: Path, process: Make) -> None:
    here, proxy, elsewhere = "0100007F:D431", "0100007F:2710", "08080808:2710"
    (table / "net" / "tcp").write_text(
        "  sl  local_address rem_address ...\n"
        + LINE.format(here, proxy, 501)
        + LINE.format(proxy, here, 502)
        + LINE.format(here, elsewhere, 503)
    )
    process(11, "claude", sockets=[7, 501])
    process(12, "claude", sockets=[503])
    assert pids(table) == [12]


def test_what_claude_code_starts_for_itself_is_not_counted_again(table: Path, process: Make) -> None:
    process(11, "claude")
    process(12, "claude", "mcp", parent=11)
    process(13, "claude", parent=12)
    assert pids(table) == [11]


def test_without_a_process_table_nothing_is_known(tmp_path: Path) -> None:
    assert unwatched(PROXY, tmp_path / "none") == []


@pytest.fixture
def real_claude(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], int]]:
    """A program of that name, in the real process table."""
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\necho ready\nread line\n")
    program.chmod(0o755)
    started: list[subprocess.Popen[bytes]] = []

    def start(environ: Mapping[str, str]) -> int:
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ}
        process = subprocess.Popen(
            [program], env=variables, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in started:
        process.communicate(b"\n")


def test_in_the_real_process_table(
    real_claude: Callable[[Mapping[str, str]], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        sent, not_sent = real_claude({"ANTHROPIC_BASE_URL": proxy}), real_claude({})
        began = time.monotonic()
        found = {one.pid: one.directory for one in unwatched(proxy)}
        assert time.monotonic() - began < 1.0
        assert found.get(not_sent) == tmp_path
        assert sent not in found
