"""run and env: the client is sent through the proxy, or directly, and is otherwise as if started by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clauditor.proxy import ports

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
SHOW = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")


def environment_of(found: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(found.stdout)


def test_the_client_gets_the_proxy_which_is_started_for_it(cli: Cli, tmp_path: Path) -> None:
    found = cli("run", "--", *SHOW, environ={"NO_PROXY": "corp.example", "SECRET": "kept"})
    assert (found.returncode, found.stderr) == (0, "")
    seen = environment_of(found)
    running = json.loads(cli("status", "--json").stdout)
    assert seen["ANTHROPIC_BASE_URL"] == running["proxy"]["url"]
    assert running["proxy"]["state"] == "running"
    assert seen["CLAUDE_CODE_GATEWAY_HINT_HEADERS"] == "1"
    assert seen["NO_PROXY"] == seen["no_proxy"] == "corp.example,127.0.0.1,localhost"
    assert seen["SECRET"] == "kept"
    assert len(seen["CLAUDITOR_RUN_ID"]) == 36
    assert not list((tmp_path / "home").rglob("*"))  # no file is touched
    assert environment_of(cli("run", *SHOW))["CLAUDITOR_RUN_ID"] != seen["CLAUDITOR_RUN_ID"]


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_exit_codes_pass(cli: Cli, code: int) -> None:
    assert cli("run", "sh", "-c", f"exit {code}").returncode == code


def test_input_and_output_pass(cli: Cli) -> None:
    found = cli("run", "cat", stdin="through and through")
    assert (found.returncode, found.stdout) == (0, "through and through")


def test_options_after_the_command_are_its_own(cli: Cli) -> None:
    found = cli("run", "printf", "%s ", "--port", "--help", "-x")
    assert (found.returncode, found.stdout) == (0, "--port --help -x ")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGPIPE]
)
def test_a_signal_reaches_the_client_as_if_nothing_stood_between(
    cli: Cli, cli_environ: dict[str, str], number: signal.Signals
) -> None:
    cli("up")
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "clauditor", "run", "sh", "-c", "echo ready; exec sleep 60"],
        env=cli_environ,
        stdout=subprocess.PIPE,
        process_group=0,  # with its parent in another one it is no orphan, which SIGTSTP would not stop
        # Whoever started the tests in the background may have had some signals ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, waited = os.waitpid(process.pid, os.WUNTRACED)
    if number == signal.SIGTSTP:
        assert os.WIFSTOPPED(waited)
        process.kill()
        _, waited = os.waitpid(process.pid, 0)
        number = signal.SIGKILL
    assert os.WIFSIGNALED(waited)
    assert os.WTERMSIG(waited) == number
    process.returncode = -number
    process.stdout.close()


def test_a_command_that_does_not_exist_is_127(cli: Cli, tmp_path: Path) -> None:
    found = cli("run", "no-such-command")
    assert found.returncode == 127
    assert found.stderr == "clauditor: no-such-command: no such command; check its name and your PATH.\n"
    plain = tmp_path / "plain"
    plain.touch()
    assert cli("run", str(plain)).returncode == 126
    assert not (tmp_path / "data").exists()


def test_without_a_command_it_is_a_usage_error(cli: Cli) -> None:
    refused = cli("run")
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        "clauditor: Name the command to start, such as: clauditor run claude. See "
    )


def test_if_the_proxy_cannot_start_the_client_is_started_directly(cli: Cli) -> None:
    found = cli("run", "--envoy", "/nowhere/envoy", *SHOW)
    assert found.returncode == 0
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("clauditor: Envoy at /nowhere/envoy cannot be run")
    assert found.stderr.endswith("directly, it is not watched.\n")
    assert not {"ANTHROPIC_BASE_URL", "CLAUDITOR_RUN_ID"} & set(environment_of(found))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("port = 'x'", {}),
        ("port =", {}),
        ("", {"CLAUDITOR_PORT": "x"}),
        ("", {"CLAUDITOR_CONFIG": "/nowhere"}),
    ],
)
def test_settings_that_cannot_be_used_do_not_stop_the_client(
    cli: Cli, tmp_path: Path, text: str, variables: dict[str, str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    environ = {"CLAUDITOR_CONFIG": str(config), "CLAUDITOR_PORT": "", **variables}
    found = cli("run", *SHOW, environ=environ)
    assert found.returncode == 0
    assert found.stderr.count("\n") == 1
    assert found.stderr.endswith(f". Starting {sys.executable} directly, it is not watched.\n")
    assert "ANTHROPIC_BASE_URL" not in environment_of(found)


def test_options_that_the_running_stack_does_not_have_are_said_and_the_client_goes_directly(cli: Cli) -> None:
    cli("up")
    found = cli("run", "--upstream", "http://127.0.0.1:2", *SHOW)
    assert found.stderr == (
        "clauditor: Clauditor already runs here with another --upstream; to change that: clauditor up --upstream VALUE. "
        f"Starting {sys.executable} directly, it is not watched.\n"
    )
    assert "ANTHROPIC_BASE_URL" not in environment_of(found)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"ANTHROPIC_BASE_URL": "https://llm.example/"},
            "clauditor up --upstream https://llm.example/. Starting",
        ),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, "CLAUDE_CODE_USE_BEDROCK sends Claude to Amazon Bedrock"),
    ],
)
def test_a_client_that_goes_elsewhere_is_left_alone(cli: Cli, variables: dict[str, str], words: str) -> None:
    found = cli("run", *SHOW, environ=variables)
    assert words in found.stderr
    seen = environment_of(found)
    assert variables.items() <= seen.items()
    assert seen.get("ANTHROPIC_BASE_URL") == variables.get("ANTHROPIC_BASE_URL")


def test_a_base_url_that_is_the_upstream_is_taken_over(cli: Cli, cli_environ: dict[str, str]) -> None:
    found = cli("run", *SHOW, environ={"ANTHROPIC_BASE_URL": cli_environ["CLAUDITOR_UPSTREAM"] + "/"})
    assert found.stderr == ""
    assert environment_of(found)["ANTHROPIC_BASE_URL"] != cli_environ["CLAUDITOR_UPSTREAM"] + "/"


def test_a_base_url_left_from_env_does_not_break_a_direct_start(cli: Cli) -> None:
    cli("up")
    url = json.loads(cli("status", "--json").stdout)["proxy"]["url"]
    cli("down")
    found = cli("run", "--envoy", "/nowhere/envoy", *SHOW, environ={"ANTHROPIC_BASE_URL": url})
    assert "ANTHROPIC_BASE_URL" not in environment_of(found)


def test_a_base_url_in_the_clients_settings_is_named(cli: Cli, tmp_path: Path) -> None:
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text(f"#!/bin/sh\nexec {sys.executable} -c {SHOW[2]!r}\n".replace("'", '"'))
    claude.chmod(0o755)
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://user:secret@llm.example"}}')
    found = cli("run", str(claude))
    assert (
        f"{settings}: ANTHROPIC_BASE_URL already sends Claude to https://[redacted]@llm.example"
        in found.stderr
    )
    assert "secret" not in found.stderr
    assert "ANTHROPIC_BASE_URL" not in environment_of(found)
    settings.write_text("{ nonsense")
    assert cli("run", str(claude)).stderr == ""


def test_a_running_proxy_is_used_while_the_sidecar_is_away(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    running = json.loads(cli("status", "--json").stdout)
    for name in ("supervisor", "sidecar"):
        os.kill(int((tmp_path / "data" / "run" / f"{name}.pid").read_text().split()[0]), signal.SIGKILL)
    found = cli("run", *SHOW)
    assert environment_of(found)["ANTHROPIC_BASE_URL"] == running["proxy"]["url"]
    assert (
        json.loads(cli("status", "--json").stdout)["sidecar"]["state"] == "running"
    )  # started again on the way


def test_env_speaks_the_shells_language(cli: Cli) -> None:
    refused = cli("env")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "clauditor: The proxy does not run here; start it first: clauditor up.\n"
    cli("up")
    url = json.loads(cli("status", "--json").stdout)["proxy"]["url"]
    exports = cli("env", environ={"SHELL": "/bin/bash"}).stdout
    shell = subprocess.run(
        ["sh", "-c", exports + '\nprintf "%s" "$ANTHROPIC_BASE_URL"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == url
    assert f"set -gx ANTHROPIC_BASE_URL '{url}';" in cli("env", environ={"SHELL": "/usr/bin/fish"}).stdout
    assert cli("env", "--shell", "sh", environ={"SHELL": "/usr/bin/fish"}).stdout == exports
    # In a shell that has them already it says the same again.
    assert cli("env", environ={"ANTHROPIC_BASE_URL": url}).stdout.startswith("export ANTHROPIC_BASE_URL=")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_users_listener_is_not_ours() -> None:
    port, (readable, writable) = ports.any_free("127.0.0.1"), os.pipe()
    squatter = os.fork()
    if squatter == 0:
        os.setuid(65534)
        with socket.create_server(("127.0.0.1", port)):
            os.write(writable, b"1")
            signal.pause()
        os._exit(0)
    os.read(readable, 1)
    try:
        assert not ports.is_ours(port)
    finally:
        os.kill(squatter, signal.SIGKILL)
        os.waitpid(squatter, 0)
        os.close(readable)
        os.close(writable)
