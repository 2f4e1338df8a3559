"""`clauditor hook` as Claude Code runs it: it tells the sidecar, starts what is missing, and is never noticed."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from clauditor.hooks.command import EVENTS
from clauditor.hooks.heal import PAUSE_SECONDS, STOPPED, heal, is_due, start_command
from clauditor.hooks.patience import stretched
from clauditor.hooks.place import Place, find_place
from clauditor.hooks.terminal import device_name, terminal, tty_by_ps
from clauditor.model.events import HookName, HookSeen
from clauditor.ui import clock
from clauditor.wire.hooks import read_hook
from support.posts import TOKEN, Posts, free_port, installation, saying, taking_posts
from support.waiting import until

SESSION = "4ac06307-4ea0-462c-b053-b3d90646cb4f"
COMMON = {
    "session_id": SESSION,
    "transcript_path": "/home/me/TOP-SECRET.jsonl",
    "cwd": "/home/me/TOP-SECRET",
    "prompt_id": "bb1d6d00-550c-4c33-a41c-a6981a1a3acd",
    "permission_mode": "default",
}
TOOL = {"tool_name": "Bash", "tool_input": {"command": "TOP-SECRET"}, "tool_use_id": "toolu_01"}
INPUTS: dict[str, dict[str, Any]] = {
    "SessionStart": {"source": "startup", "model": "claude-opus-5-5"},
    "SessionEnd": {"reason": "other"},
    "UserPromptSubmit": {"prompt": "TOP-SECRET"},
    "PermissionRequest": TOOL,
    "Notification": {"message": "TOP-SECRET", "notification_type": "permission_prompt"},
    "Stop": {"last_assistant_message": "TOP-SECRET", "background_tasks": ["TOP-SECRET"]},
    "PostToolUse": TOOL | {"tool_response": {"stdout": "TOP-SECRET" * 10_000}, "duration_ms": 12},
}


def hook_input(event: str, **more: Any) -> bytes:
    return json.dumps(COMMON | {"hook_event_name": event} | INPUTS[event] | more).encode()


class Hook:
    """Runs the command in an installation whose sidecar is `posts`, and whose proxy listens there as well."""

    def __init__(self, directory: Path, posts: Posts) -> None:
        self.posts = posts
        self.data_dir = installation(directory / "data", api_port=posts.port, port=posts.port)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "CLAUDITOR_DATA_DIR": str(self.data_dir),
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{posts.port}",
        }

    def run(self, given: bytes, *arguments: str, **environ: str) -> None:
        """Fails if anybody would notice it."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", "hook", *arguments],
            input=given,
            env=self.environ | environ,
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def told(self) -> list[HookSeen]:
        events = [event for body in self.posts.raw for event in read_hook(body, at=1.0) or []]
        return [event for event in events if isinstance(event, HookSeen)]


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    with taking_posts() as posts:
        yield Hook(tmp_path, posts)


def test_the_events_asked_for_are_those_that_the_model_knows() -> None:
    assert {*EVENTS, "StatusLine"} == set(get_args(HookName))


def test_every_event_arrives_and_nothing_of_the_users_leaves(hook: Hook) -> None:
    assert set(INPUTS) == set(EVENTS)
    for event in EVENTS:
        hook.run(hook_input(event), TMUX_PANE="%7", CLAUDITOR_RUN_ID="0b5c0000-1111-4222-8333-444455556666")
    assert not [body for body in hook.posts.raw if b"SECRET" in body or len(body) > 1024]
    assert {path for path, _ in hook.posts.bodies} == {"/api/v1/hooks/claude-code"}
    assert set(hook.posts.tokens) == {f"Bearer {TOKEN}"}
    told = hook.told()
    assert [seen.hook for seen in told] == list(EVENTS)
    assert {(seen.session_id, seen.pane, seen.run_id) for seen in told} == {
        (SESSION, "%7", "0b5c0000-1111-4222-8333-444455556666")
    }
    by_name = {seen.hook: seen for seen in told}
    assert (by_name["PermissionRequest"].tool_name, by_name["PermissionRequest"].tool_use_id) == (
        "Bash",
        "toolu_01",
    )
    assert by_name["Notification"].notice == "permission_prompt"
    assert by_name["UserPromptSubmit"].prompt_id == COMMON["prompt_id"]


@pytest.mark.parametrize(
    ("message", "notice"),
    [
        ("Claude needs your permission to use TOP-SECRET", "permission_prompt"),
        ("Claude is waiting for your input TOP-SECRET", "idle_prompt"),
        ("TOP-SECRET", None),
    ],
)
def test_an_older_clients_notification_is_told_by_its_kind_only(
    hook: Hook, message: str, notice: str | None
) -> None:
    hook.run(hook_input("Notification", notification_type=None, message=message))
    assert b"SECRET" not in hook.posts.raw[0]
    assert hook.told()[0].notice == notice


def test_the_tty_is_the_clients(hook: Hook) -> None:
    client, terminal_side = pty.fork()
    if client == 0:
        os.execvp("sleep", ["sleep", "60"])  # noqa: S606 - no shell wanted
    try:
        until(lambda: b"sleep" in Path(f"/proc/{client}/cmdline").read_bytes(), "the client runs")
        expected = str(Path(f"/proc/{client}/fd/0").readlink())
        assert tty_by_ps(client) == expected

        def told() -> list[HookSeen]:  # it gives up on a machine that is busy for a moment
            subprocess.run(
                [sys.executable, "-P", "-m", "clauditor", "hook"],
                input=hook_input("SessionStart"),
                env=hook.environ | {"CLAUDE_PID": str(client)},
                start_new_session=True,  # as the client starts it: without a terminal
                timeout=20,
                check=True,
            )
            return hook.told()

        assert until(lambda: told() or None, "the hook is told")[0].tty == expected
    finally:
        os.kill(client, signal.SIGKILL)
        os.waitpid(client, 0)
        os.close(terminal_side)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (136 << 8 | 3, "/dev/pts/3"),
        (137 << 8 | 3, "/dev/pts/259"),
        (136 << 8 | 1 << 20 | 4, "/dev/pts/260"),
        (4 << 8 | 2, "/dev/tty2"),
        (4 << 8 | 64, None),
        (5 << 8 | 1, None),
        (0, None),
    ],
)
def test_names_of_terminal_devices(device: int, name: str | None) -> None:
    assert device_name(device) == name


def test_no_terminal_is_no_problem() -> None:
    for pid in ("", "0", "1", "999999999", "-1", "x", "9" * 30, "\u0661"):
        assert terminal({"CLAUDE_PID": pid}).keys() <= {"tty"}
    assert tty_by_ps(999_999_999) is None


@pytest.mark.parametrize(
    "given", [b"", b"{}", b"null", b"{", b"\xff\xfe", b'{"session_id":[]}', b"[" * 200_000, b"x" * 5_000_000]
)
def test_input_that_is_none_is_passed_over(hook: Hook, given: bytes) -> None:
    hook.run(given)
    assert hook.told() == []


def test_odd_arguments_and_places_are_passed_over(hook: Hook, tmp_path: Path) -> None:
    given = hook_input("Stop")
    for arguments in (
        ["--new-option"],
        ["--data-dir"],
        ["--url", "nonsense"],
        ["stray", "-x"],
        ["--config", "/dev/null"],
    ):
        hook.run(given, *arguments)
    hook.run(given, "--data-dir", str(tmp_path / "nothing"))
    hook.run(given, CLAUDITOR_PORT="not a port", CLAUDITOR_CONFIG="/dev/full", HOME="")
    assert len(hook.told()) >= 2


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 500 x\r\n\r\n", b"\x00" * 3_000_000])
def test_something_else_on_the_sidecars_port(hook: Hook, data: bytes) -> None:
    with saying(data) as port:
        hook.run(hook_input("Stop"), "--url", f"http://127.0.0.1:{port}")


def test_a_dead_and_a_hanging_sidecar_cost_next_to_nothing(hook: Hook) -> None:
    def best(url: str) -> float:
        times = []
        for _ in range(3):
            began = time.monotonic()
            hook.run(hook_input("PostToolUse"), "--url", url)
            times.append(time.monotonic() - began)
        return min(times)

    usual = best(f"http://127.0.0.1:{hook.posts.port}")
    assert best(f"http://127.0.0.1:{free_port()}") - usual < stretched(0.2)
    with saying(b"HTTP/1.1 204", closes=False) as port:
        assert best(f"http://127.0.0.1:{port}") - usual < stretched(0.25)


def test_a_client_that_never_closes_stdin_is_not_waited_for(hook: Hook) -> None:
    read, write = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", "hook"],
            stdin=read,
            env=hook.environ,
            timeout=10,
            check=True,
        )
    finally:
        os.close(read)
        os.close(write)


# -- starting what is not there ----------------------------------------------------------------------


def place(data_dir: Path, port: int | None, **plan: Any) -> Place:
    return Place(str(data_dir), {"port": port} | plan, port, "127.0.0.1", 9091, TOKEN, "", "")


def test_a_start_is_told_what_the_last_one_was_told(tmp_path: Path) -> None:
    sidecar = ["python", "-m", "clauditor", "serve", "--data-dir", "/d", "--port", "1", "--api-port", "2"]
    found = place(
        tmp_path,
        10_000,
        choices={"port": 10_000, "upstream": "https://llm.corp", "upstream_ca": "/ca.pem", "api_port": 0},
        sidecar={"command": [*sidecar, "--config", "/c.toml", "--allowed-host", "a", "--allowed-host", "b"]},
    )
    assert start_command(found)[4:] == [
        "up",
        f"--data-dir={tmp_path}",
        "--port=10000",
        "--upstream=https://llm.corp",
        "--upstream-ca=/ca.pem",
        "--config=/c.toml",
        "--allowed-host=a",
        "--allowed-host=b",
    ]


@pytest.mark.parametrize(
    "odd", [None, 7, [], {}, {"command": 3}, {"command": ["--config", 7]}, {"upstream": [1]}]
)
def test_a_plan_of_another_kind_is_told_nothing(tmp_path: Path, odd: Any) -> None:
    command = start_command(place(tmp_path, 1, choices=odd, sidecar=odd))
    assert command[5:] == [f"--data-dir={tmp_path}", "--port=1"]


def test_of_many_hooks_of_one_moment_one_starts_it(tmp_path: Path) -> None:
    lock, now = str(tmp_path / "lock"), clock.now()
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: is_due(lock, now), range(64))) == 1
    assert not is_due(lock, now - 1)  # asked a moment before the other one started it
    assert not is_due(lock, now + PAUSE_SECONDS - 1)
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: is_due(lock, now + PAUSE_SECONDS + 1), range(64))) == 1
    assert is_due(lock, now - 3600)  # the clock was set back


def test_nothing_is_started_that_is_not_wanted(tmp_path: Path) -> None:
    data_dir = installation(tmp_path / "data", api_port=free_port(), port=(port := free_port()))
    found, now = find_place({"data_dir": str(data_dir)}, {}), clock.now()
    through = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}"}
    assert not heal(found, {}, now)
    assert not heal(found, {"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}, now)
    assert not heal(found, {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{free_port()}"}, now)
    assert not heal(place(tmp_path / "nothing", None), through, now)
    (data_dir / "run" / STOPPED).touch()
    assert not heal(found, through, now)
    (data_dir / "run" / STOPPED).unlink()
    with taking_posts() as posts:
        listening = find_place({"data_dir": str(data_dir)}, {})._replace(proxy_port=posts.port)
        assert not heal(listening, {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{posts.port}"}, now)
    assert not (data_dir / "run" / "hook.lock").exists()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_after_a_reboot_the_next_prompt_brings_it_back(cli: Any, cli_environ: dict[str, str]) -> None:
    """The real stack. Also: its sidecar hangs (SIGSTOP), and nobody notices that either."""
    data_dir = Path(cli_environ["CLAUDITOR_DATA_DIR"])
    assert cli("up").returncode == 0
    before = json.loads(cli("status", "--json").stdout)
    environ = {"ANTHROPIC_BASE_URL": before["proxy"]["url"]}

    def run(event: str) -> None:
        began = time.monotonic()
        done = cli("hook", environ=environ, stdin=hook_input(event).decode())
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert time.monotonic() - began < 5

    run("UserPromptSubmit")
    with stopped(before["sidecar"]["pid"]):
        run("UserPromptSubmit")
    assert not (data_dir / "run" / "hook.lock").exists()  # it ran all the time

    supervisor = int((data_dir / "run" / "supervisor.pid").read_text().splitlines()[0])
    for pid in (supervisor, before["sidecar"]["pid"], before["proxy"]["pid"]):
        os.kill(pid, signal.SIGKILL)
    until(lambda: json.loads(cli("status", "--json").stdout)["proxy"]["state"] == "stopped", "all is gone")
    run("PostToolUse")
    assert not (data_dir / "run" / "hook.lock").exists()  # only where somebody begins to wait
    run("SessionStart")
    until(
        lambda: json.loads(cli("status", "--json").stdout)["sidecar"]["state"] == "running", "it runs again"
    )
    after = json.loads(cli("status", "--json").stdout)
    assert (after["proxy"]["url"], after["upstream"]) == (before["proxy"]["url"], before["upstream"])
    assert "ready in" in (data_dir / "run" / "hook.log").read_text()
