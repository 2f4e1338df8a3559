"""`clauditor statusline` as Claude Code runs it: a process of its own, JSON on stdin, one line out, never a failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.config import load_settings
from clauditor.hooks.listener import listener
from clauditor.hooks.place import base_url_port, find_place
from clauditor.model.events import HookSeen
from clauditor.wire.hooks import read_hook
from support.posts import TOKEN, Posts, free_port, installation, saying, taking_posts
from support.waiting import until
from ui.afternoon import context, snapshot

SESSION = "4ac06307-4ea0-462c-b053-b3d90646cb4f"
GIVEN = {
    "session_id": SESSION,
    "transcript_path": "/home/me/TOP-SECRET.jsonl",
    "cwd": "/home/me/TOP-SECRET",
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "workspace": {
        "current_dir": "/home/me/TOP-SECRET",
        "project_dir": "/home/me/TOP-SECRET",
        "added_dirs": [],
    },
    "version": "2.1.330",
    "cost": {"total_cost_usd": 1.5, "total_duration_ms": 70_100, "total_api_duration_ms": 31_000},
    "context_window": {
        "total_input_tokens": 310_000,
        "context_window_size": 1_000_000,
        "used_percentage": 31,
    },
}
NOT_RECORDING = "clauditor not recording (your traffic goes on) · clauditor up"
NO_ANSWER = "clauditor does not answer (your traffic goes on) · clauditor status"
# What takes long to load and is not needed: the budget of the whole process is 80 ms.
HEAVY = {
    "importlib.metadata",
    "click",
    "dataclasses",
    "msgspec",
    "httpx",
    "asyncio",
    "http.client",
    "subprocess",
    "ssl",
    "platformdirs",
}
OURS_HEAVY = {
    "clauditor.cli",
    "clauditor.client",
    "clauditor.config",
    "clauditor.text",
    "clauditor.redaction",
}


class StatusLine:
    """Runs the command in an installation whose sidecar is `posts`, and whose proxy listens there as well."""

    def __init__(self, directory: Path, posts: Posts) -> None:
        self.posts = posts
        self.data_dir = installation(directory / "data", api_port=posts.port, port=posts.port)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "160",
            "CLAUDITOR_DATA_DIR": str(self.data_dir),
            "CLAUDITOR_DEBUG": "1",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{posts.port}",
        }

    def plan(self, **ports: int) -> None:
        """Other ports than those of the sidecar that takes posts."""
        (self.data_dir / "run" / "stack.json").write_text(
            json.dumps(
                {"api_host": "127.0.0.1", "api_port": self.posts.port, "port": self.posts.port} | ports
            )
        )

    def run(
        self, *arguments: str, given: Any = GIVEN, options: tuple[str, ...] = (), **environ: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-P", *options, "-m", "clauditor", "statusline", *arguments],
            input=given if isinstance(given, bytes) else json.dumps(given).encode(),
            env=self.environ | environ,
            capture_output=True,
            timeout=20,
            check=False,
        )

    def line(self, *arguments: str, given: Any = GIVEN, **environ: str) -> str:
        """The one line; fails if there is more, or anything else is wrong."""
        done = self.run(*arguments, given=given, options=(), **environ)
        assert (done.returncode, done.stderr) == (0, b"")
        line, end, rest = done.stdout.decode().partition("\n")
        assert (end, rest) == ("\n", "")
        return line


@pytest.fixture
def status_line(tmp_path: Path) -> Iterator[StatusLine]:
    with taking_posts() as posts:
        posts.answer = answer()
        yield StatusLine(tmp_path, posts)


def answer(**fields: Any) -> dict[str, Any]:
    cold = {"cache": {"expires_at": None}, "limits": {}}
    shot = snapshot(SESSION, **(cold | {"context": context(0.31), "cost_usd": 1.23} | fields))
    return {"schema_version": 1, "session": shot, "others": {"act": 1, "names": ["infra"]}, "incident": None}


def test_one_question_one_line(status_line: StatusLine) -> None:
    assert status_line.line() == "clauditor ok · ctx 31% · ~$1.23 · 1 other needs you: infra"
    assert [path for path, _ in status_line.posts.bodies] == ["/api/v1/statusline"]
    assert status_line.posts.tokens == [f"Bearer {TOKEN}"]


def test_it_fits_the_terminal(status_line: StatusLine) -> None:
    assert status_line.line(COLUMNS="61") == "clauditor ok · ctx 31% · 1 other needs you: infra"
    assert status_line.line(COLUMNS="40") == "ok · ctx 31% · 1 needs you"
    for columns in ("", "0", "-5", "many", "9" * 40, "\u0665"):
        assert status_line.line(COLUMNS=columns).startswith("clauditor ok")


def test_it_is_also_a_hook_and_carries_nothing_of_the_users(status_line: StatusLine) -> None:
    status_line.line(TMUX_PANE="%7", CLAUDITOR_RUN_ID="0b5c0000-1111-4222-8333-444455556666")
    (body,) = status_line.posts.raw
    assert b"SECRET" not in body
    (seen,) = read_hook(body, at=1.0) or []
    assert isinstance(seen, HookSeen)
    assert (seen.session_id, seen.hook, seen.pane) == (SESSION, "StatusLine", "%7")
    assert (seen.run_id, seen.client_cost_usd) == ("0b5c0000-1111-4222-8333-444455556666", 1.5)


def test_dead_sidecar(status_line: StatusLine) -> None:
    status_line.plan(api_port=free_port())
    assert status_line.line() == NOT_RECORDING
    (status_line.data_dir / "token").unlink()
    assert status_line.line() == NOT_RECORDING


def test_never_installed(status_line: StatusLine, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "nothing")
    assert status_line.line("--data-dir", elsewhere) == NOT_RECORDING
    assert status_line.line(f"--data-dir={elsewhere}", ANTHROPIC_BASE_URL="").startswith(
        "clauditor: this session is not"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 500 Oops\r\n\r\n{}",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\nnot json",
        b"HTTP/1.1 200 OK\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n" * 100_000,
    ],
)
def test_something_else_on_its_port(status_line: StatusLine, data: bytes) -> None:
    with saying(data) as port:
        status_line.plan(api_port=port)
        assert status_line.line() == NO_ANSWER


def best(run: Callable[[], object]) -> float:
    """The shortest of three, in seconds: what the machine's other work adds is not ours."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        run()
        times.append(time.monotonic() - began)
    return min(times)


def test_a_sidecar_that_hangs_costs_a_tenth_of_a_second(status_line: StatusLine) -> None:
    with saying(b"HTTP/1.1 200 OK\r\n", closes=False) as port:
        status_line.plan(api_port=free_port())
        usual = best(status_line.line)
        status_line.plan(api_port=port)
        assert status_line.line() == NO_ANSWER
        assert best(status_line.line) - usual < 0.2


def test_a_client_that_never_closes_stdin_is_not_waited_for(status_line: StatusLine) -> None:
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", "statusline"],
            stdin=read,
            env=status_line.environ,
            capture_output=True,
            timeout=10,
            check=False,
        )
    finally:
        os.close(read)
        os.close(write)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, NO_ANSWER + "\n", b"")


def test_no_proxy_where_the_client_sends_its_requests(status_line: StatusLine) -> None:
    port = free_port()
    status_line.plan(port=port)
    assert status_line.line(ANTHROPIC_BASE_URL=f"http://localhost:{port}/").startswith(
        "clauditor DOWN, Claude cannot"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")
def test_a_stranger_on_the_port_gets_no_token(status_line: StatusLine) -> None:
    listen = (
        "import socket; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True)\n"
        "while True: print(s.accept()[0].recv(1),flush=True)"
    )
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", listen], user=65534, stdout=subprocess.PIPE, cwd="/"
    ) as stranger:
        assert stranger.stdout is not None
        port = int(stranger.stdout.readline())
        try:
            assert listener(port) == "foreign"
            status_line.plan(api_port=port)
            assert status_line.line() == NO_ANSWER
            assert stranger.stdout.readline() == b"b''\n"
            status_line.plan(port=port)
            shown = status_line.line(ANTHROPIC_BASE_URL=f"http://127.0.0.1:{port}")
            assert shown.startswith("clauditor DOWN, another user's program")
        finally:
            stranger.kill()


def test_a_client_that_goes_elsewhere(status_line: StatusLine) -> None:
    expected = (
        "clauditor: this session is not seen · clauditor on, from the next prompt · 1 other needs you: infra"
    )
    for url in (
        "",
        "https://api.anthropic.com",
        "http://127.0.0.1:1",
        "http://10.0.0.1:80",
        "http://[",
        "::",
        "http://a:b",
    ):
        assert status_line.line(ANTHROPIC_BASE_URL=url) == expected


def test_a_sidecar_elsewhere(status_line: StatusLine) -> None:
    url = f"http://127.0.0.1:{status_line.posts.port}/base/"
    status_line.plan(api_port=free_port())
    assert (
        status_line.line("--url", url, ANTHROPIC_BASE_URL="http://far:1") == NO_ANSWER
    )  # that path answers nothing
    assert status_line.posts.bodies[-1][0] == "/base/api/v1/statusline"
    assert status_line.line(
        "--url", url.removesuffix("/base/"), ANTHROPIC_BASE_URL="http://far:1"
    ).startswith("clauditor ok")
    for bad in ("", "ftp://x", "http://", "http://x:99999", "http://a b/", "http://x/\r\nEvil: 1"):
        assert "clauditor" in status_line.line("--url", bad)


def test_a_new_session_and_one_from_before(status_line: StatusLine) -> None:
    status_line.posts.answer = answer() | {"session": None, "others": None}
    fresh = GIVEN | {"cost": {"total_api_duration_ms": 0}}
    assert status_line.line(given=fresh) == "clauditor ok · no call yet"
    assert status_line.line() == "clauditor: this session is seen from its next prompt"


@pytest.mark.parametrize(
    "given", [b"", b"{}", b"[]", b"{", b"\xff\xfe", b'{"session_id":7}', b'{"session_id":""}', b"[" * 100_000]
)
def test_input_that_is_none(status_line: StatusLine, given: bytes) -> None:
    assert status_line.line(given=given).startswith("clauditor: no session was told")
    assert status_line.posts.bodies == []


def test_odd_values_in_the_input(status_line: StatusLine) -> None:
    odds: list[Any] = [None, [], "x" * 10_000, -1, 1e300, True, {"id": {}, "total_cost_usd": "1"}, "\ud800"]
    for odd in odds:
        given = {"session_id": SESSION} | dict.fromkeys(GIVEN.keys() - {"session_id"}, odd)
        assert status_line.line(given=json.dumps(given).encode()).startswith("clauditor ")
    nan = b'{"session_id":"s","cost":{"total_cost_usd":NaN,"total_api_duration_ms":Infinity}}'
    assert status_line.line(given=nan).startswith("clauditor ok")


def test_an_unknown_option_is_said_in_the_line(status_line: StatusLine) -> None:
    assert status_line.line("--colour\x1b[31m") == "clauditor statusline: unknown --colour"
    assert b"--wrap CMD" in status_line.run("--help").stdout


def test_hostile_names_stay_text(status_line: StatusLine) -> None:
    evil = {"act": 1, "names": ["\x1b]0;owned\x07x\u202egnp"]}
    status_line.posts.answer = answer() | {"others": evil}
    assert status_line.line().endswith("1 other needs you: xgnp")


def test_it_loads_nothing_heavy(status_line: StatusLine) -> None:
    done = status_line.run(options=("-X", "importtime"))
    loaded = {row.rpartition("|")[2].strip() for row in done.stderr.decode().splitlines()}
    start = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-c", ""],
        capture_output=True,
        check=True,
        env=status_line.environ,
    )
    before = {row.rpartition("|")[2].strip() for row in start.stderr.decode().splitlines()}
    assert "clauditor.ui.views.statusline" in loaded
    assert loaded & (HEAVY - before | OURS_HEAVY) == set()


# -- --wrap ------------------------------------------------------------------------------------------

OK = "clauditor ok · ctx 31% · ~$1.23 · 1 other needs you: infra\n"


@pytest.mark.parametrize(
    ("command", "before"),
    [
        ("echo mine", "mine\n"),
        ("printf 'no end'", "no end\n"),
        (r"printf '\033[32mgreen\033[0m #{x} \n  two\n\n'", "\x1b[32mgreen\x1b[0m #{x} \n  two\n"),
        ("cat | head -c 14", '{"session_id":\n'),
        ("echo mine; exit 3", "mine\n"),
        ("true", ""),
        ("exec nosuchcommand 2>/dev/null", ""),
        ("", ""),
    ],
)
def test_the_users_own_line_stays_as_it_is_above_ours(
    status_line: StatusLine, command: str, before: str
) -> None:
    done = status_line.run("--wrap", command)
    assert (done.returncode, done.stdout.decode()) == (0, before + OK)


def test_a_wrapped_command_that_hangs_is_ended_with_all_it_started(
    status_line: StatusLine, tmp_path: Path
) -> None:
    mark = tmp_path / "went-on"
    began = time.monotonic()
    done = status_line.run("--wrap", f"echo half; (sleep 30; touch {mark}) & sleep 31")
    assert done.stdout.decode() == "half\n" + OK
    assert time.monotonic() - began < 10
    assert not mark.exists()


def test_what_a_wrapped_command_leaves_behind_is_left_alone(status_line: StatusLine, tmp_path: Path) -> None:
    mark = tmp_path / "went-on"
    done = status_line.run("--wrap", f"echo mine; (sleep 1.5; touch {mark}) &")
    assert done.stdout.decode() == "mine\n" + OK
    until(mark.exists, "it went on")


def test_the_users_own_line_is_shown_also_when_ours_has_nothing_to_tell(status_line: StatusLine) -> None:
    status_line.plan(api_port=free_port())
    assert status_line.run("--wrap", "echo mine").stdout.decode() == f"mine\n{NOT_RECORDING}\n"


# -- places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environ", "config"),
    [
        ({}, {}, None),
        ({}, {"XDG_DATA_HOME": "/somewhere/share"}, None),
        ({}, {"CLAUDITOR_DATA_DIR": "~/mine"}, None),
        ({"data_dir": "relative/../dir"}, {"CLAUDITOR_DATA_DIR": "/other"}, None),
        ({}, {}, 'data_dir = "~/from-file"\ntoken_file = "/t"\n'),
        ({}, {"CLAUDITOR_TOKEN_FILE": "/env"}, 'data_dir = "/from-file"\ntoken_file = "/t"\n'),
        ({}, {}, 'labels = "off"\n'),
    ],
)
def test_places_are_those_of_the_settings(
    options: dict[str, str],
    environ: dict[str, str],
    config: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "CLAUDITOR_DATA_DIR",
        "CLAUDITOR_CONFIG",
        "CLAUDITOR_TOKEN_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if config is not None:
        file = tmp_path / ".config" / "clauditor" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(config)
    expected = load_settings(options, os.environ)
    found = find_place(options, os.environ)
    assert found.data_dir == os.path.normpath(expected.data_dir)
    assert found.token is None


@pytest.mark.parametrize(
    "plan", [b"", b"{", b"[]", b'{"port":"x","api_port":-1,"api_host":7}', b"\xff", b"[" * 100_000]
)
def test_a_plan_that_cannot_be_read_is_none(tmp_path: Path, plan: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stack.json").write_bytes(plan)
    (tmp_path / "token").write_bytes(b"one two\r\nEvil: 1")
    found = find_place({"data_dir": str(tmp_path)}, {})
    assert (found.proxy_port, found.api_host, found.api_port, found.token) == (None, "127.0.0.1", 9091, None)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:10000", 10000),
        ("HTTP://localhost:10000/", 10000),
        ("http://[::1]:10000/x", 10000),
        ("https://127.0.0.1:10000", None),
        ("http://127.0.0.1", None),
        ("http://127.0.0.1.evil.com:10000", None),
        ("http://127.0.0.1:1e3", None),
        ("http://127.0.0.1:999999", None),
        ("", None),
    ],
)
def test_which_base_urls_lead_to_a_port_of_this_machine(url: str, port: int | None) -> None:
    assert base_url_port({"ANTHROPIC_BASE_URL": url}) == port


def test_who_listens() -> None:
    port = free_port()
    assert listener(port) == "nobody"
    with taking_posts() as posts:
        assert listener(posts.port) == "ours"
