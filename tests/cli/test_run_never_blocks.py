"""run: whatever is wrong with the proxy, the client starts, soon, and one line says how."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.proxy import ports

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
SHOW = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
PATIENCE_SECONDS = 5.0
OURSELVES_SECONDS = 3.0  # two starts of Python on a busy machine
ARGUMENTS = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def status(cli: Cli) -> Any:
    return json.loads(cli("status", "--json").stdout)


def pid_of(tmp_path: Path, name: str) -> int:
    return int((tmp_path / "data" / "run" / f"{name}.pid").read_text().split()[0])


def run_directly(cli: Cli, *command: str, **more: Any) -> str:
    """The one line that `run` says when it starts the client directly, which it must do in time."""
    began = time.monotonic()
    found = cli("run", *(command or SHOW), **more)
    took = time.monotonic() - began
    assert found.returncode == 0, found.stderr
    assert found.stderr.count("\n") == 1, found.stderr
    assert "ANTHROPIC_BASE_URL" not in json.loads(found.stdout)
    assert took < PATIENCE_SECONDS + OURSELVES_SECONDS
    print(f"{took:.1f} s: {found.stderr}")  # noqa: T201 - the figure
    return found.stderr


def test_while_another_command_holds_the_stack(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    cli("down")
    with (tmp_path / "data" / "run" / "stack.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "The proxy is not ready in time; see clauditor status." in run_directly(cli)
        assert status(cli)["proxy"]["state"] == "stopped"


@pytest.mark.parametrize("names", [("supervisor",), ("sidecar",), ("supervisor", "sidecar")])
def test_a_proxy_that_serves_is_used_whatever_the_others_do(
    cli: Cli, tmp_path: Path, names: tuple[str, ...]
) -> None:
    cli("up")
    url = status(cli)["proxy"]["url"]
    for name in names:
        os.kill(pid_of(tmp_path, name), signal.SIGSTOP)
    began = time.monotonic()
    found = cli("run", *SHOW)
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout)["ANTHROPIC_BASE_URL"] == url


def test_with_the_supervisor_stopped_and_envoy_dead(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    os.kill(pid_of(tmp_path, "supervisor"), signal.SIGSTOP)
    os.kill(pid_of(tmp_path, "envoy"), signal.SIGKILL)
    assert "The proxy is not ready in time; see clauditor status." in run_directly(cli)


def test_with_envoy_stopped(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    os.kill(pid_of(tmp_path, "envoy"), signal.SIGSTOP)
    assert "The proxy runs (pid " in run_directly(cli)


def test_with_an_envoy_that_hangs_at_its_start(cli: Cli, tmp_path: Path) -> None:
    envoy = tmp_path / "envoy"
    envoy.write_text("#!/bin/sh\nexec sleep 20\n")
    envoy.chmod(0o755)
    said = run_directly(cli, "--envoy", str(envoy), *SHOW)
    assert said.startswith("clauditor: The proxy is not ready in time; see clauditor status. Starting ")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_with_a_full_disk(cli: Cli, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", small], check=True)
    try:
        (small / "full").write_bytes(b"x" * 4096)
        with contextlib.suppress(OSError), (small / "full").open("ab") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        said = run_directly(cli, "--data-dir", str(small / "data"), *SHOW)
        assert "No space left on device" in said
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


@contextlib.contextmanager
def somebody_elses_listener(port: int) -> Iterator[None]:
    readable, writable = os.pipe()
    squatter = os.fork()
    if squatter == 0:
        os.setuid(65534)
        with socket.create_server(("127.0.0.1", port)):
            os.write(writable, b"1")
            signal.pause()
        os._exit(0)
    os.read(readable, 1)
    try:
        yield
    finally:
        os.kill(squatter, signal.SIGKILL)
        os.waitpid(squatter, 0)
        os.close(readable)
        os.close(writable)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_with_another_users_program_on_the_port(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    port = int(status(cli)["proxy"]["url"].rpartition(":")[2])
    os.kill(pid_of(tmp_path, "supervisor"), signal.SIGSTOP)
    os.kill(pid_of(tmp_path, "envoy"), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not ports.is_free("127.0.0.1", port):
        assert time.monotonic() < deadline
    with somebody_elses_listener(port):
        os.kill(pid_of(tmp_path, "supervisor"), signal.SIGCONT)
        assert re.match(
            rf"clauditor: Port {port} is used by .*; stop that, or: clauditor down, then up with another --port\. S",
            run_directly(cli),
        )
        assert status(cli)["proxy"]["state"] != "running"
        told = cli("status").stdout.splitlines()[-1]
        assert re.match(r"Envoy was started .* did not come up: .*Address already in use.*; see ", told)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_port_that_another_user_took_while_nothing_ran_is_left_to_him(cli: Cli) -> None:
    cli("up")
    url = status(cli)["proxy"]["url"]
    cli("down")
    with somebody_elses_listener(int(url.rpartition(":")[2])):
        found = cli("run", *SHOW)
        assert (found.returncode, found.stderr) == (0, "")
        assert json.loads(found.stdout)["ANTHROPIC_BASE_URL"] not in (None, url)


@pytest.fixture
def claude(tmp_path: Path) -> str:
    """A program of that name, which shows its arguments and environment."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{ARGUMENTS}\n")
    program.chmod(0o755)
    return str(program)


def test_claude_gets_hooks_and_status_line_on_its_command_line(cli: Cli, claude: str, tmp_path: Path) -> None:
    found = cli("run", claude, "-p", "hello")
    assert found.stderr == ""
    (option, text, *rest), environ = json.loads(found.stdout)
    assert (option, rest) == ("--settings", ["-p", "hello"])
    given = json.loads(text)
    assert {"SessionStart", "UserPromptSubmit", "Stop"} <= set(given["hooks"])
    assert "statusline" in given["statusLine"]["command"]
    assert given["env"]["ANTHROPIC_BASE_URL"] == environ["ANTHROPIC_BASE_URL"] == status(cli)["proxy"]["url"]
    assert not list((tmp_path / "home").rglob("*"))


@pytest.mark.parametrize("own", [["--settings", "{}"], ["--settings={}"]])
def test_settings_of_the_users_own_are_left_alone(cli: Cli, claude: str, own: list[str]) -> None:
    found = cli("run", claude, *own, "x")
    assert json.loads(found.stdout)[0] == [*own, "x"]


def test_other_programs_get_no_arguments(cli: Cli) -> None:
    found = cli("run", sys.executable, "-c", ARGUMENTS, "x")
    assert json.loads(found.stdout)[0] == ["x"]


def test_settings_that_lead_to_a_dead_proxy_are_overruled(cli: Cli, claude: str, tmp_path: Path) -> None:
    cli("up")
    url = status(cli)["proxy"]["url"]
    cli("down")
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": url}}))
    found = cli("run", "--envoy", "/nowhere/envoy", claude, "x")
    assert found.stderr.endswith(f" Starting {claude} directly, it is not watched.\n")
    (option, text, *rest), _ = json.loads(found.stdout)
    assert (option, rest) == ("--settings", ["x"])
    assert json.loads(text) == {"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}}

    found = cli("run", "--envoy", "/nowhere/envoy", claude, "--settings", "{}")
    assert json.loads(found.stdout)[0] == ["--settings", "{}"]
    assert found.stderr.endswith(
        " Its settings lead to the proxy all the same; for a direct way: clauditor off\n"
    )
