"""up, down, status: what they do, say and exit with."""

from __future__ import annotations

import http.client
import json
import os
import pty
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

from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.envoy import find_envoy
from support.waiting import until

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def status(cli: Cli) -> Any:
    return json.loads(cli("status", "--json").stdout)


def client_of(found: Any) -> http.client.HTTPConnection:
    """A client that has asked once and keeps its connection."""
    client = http.client.HTTPConnection("127.0.0.1", int(found["proxy"]["url"].rpartition(":")[2]), timeout=5)
    client.request("GET", "/")
    client.getresponse().read()
    return client


def test_up_status_and_down(cli: Cli, cli_environ: dict[str, str]) -> None:
    first = cli("up")
    assert (first.returncode, first.stdout.count("Next, one of")) == (0, 1)
    assert "refuses connections. The proxy runs and connects as soon as it can." in first.stderr

    found = status(cli)
    assert set(found) == {"proxy", "sidecar", "upstream", "data_dir", "version", "envoy_version"}
    assert found["proxy"]["url"] in first.stdout
    assert (found["proxy"]["state"], found["sidecar"]["state"]) == ("running", "running")
    assert (found["upstream"], found["data_dir"]) == ("http://127.0.0.1:1", cli_environ["CLAUDITOR_DATA_DIR"])
    os.kill(found["proxy"]["pid"], 0)
    assert cli("status").returncode == 0

    second = cli("up")
    assert second.returncode == 0
    assert second.stdout.startswith("clauditor already runs here (proxy ")
    assert status(cli)["proxy"] == found["proxy"]

    assert cli("down").returncode == 0
    after = cli("status", "--json")
    assert after.returncode == 1
    assert json.loads(after.stdout)["proxy"] == found["proxy"] | {"pid": None, "state": "stopped"}
    assert cli("down").stdout == "Nothing runs here.\n"

    assert cli("up").returncode == 0
    assert status(cli)["proxy"]["url"] == found["proxy"]["url"]  # open shells find the proxy again


def test_up_says_what_runs_and_what_is_not_watched(cli: Cli, tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\necho ready\nread line\n")
    program.chmod(0o755)
    with subprocess.Popen(
        [program], env={"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as claude:
        assert claude.stdout is not None
        assert claude.stdout.readline() == "ready\n"
        lines = cli("up").stdout.splitlines()
        claude.communicate("\n")
    assert re.fullmatch(r"clauditor \S+ ready in \d+\.\d s", lines[0])
    assert lines[1] == ""
    patterns = (
        r"  proxy     http://127\.0\.0\.1:\d+ -> http://127\.0\.0\.1:1  \(Envoy \S+, pid \d+\)",
        r"  sidecar   http://127\.0\.0\.1:\d+  \(pid \d+\)   data \S+, [\d.]+ [kM]B",
        r"  sessions  none yet; \d+ Claude Code process(es)? runs? without Clauditor",
    )
    for line, pattern in zip(lines[2:], patterns, strict=False):
        assert re.fullmatch(pattern, line), line
    assert lines[5:] == [
        "",
        "Next, one of",
        "  clauditor install      all sessions, also those already open (shows its plan, asks)",
        "  clauditor run claude   only this one, no file is changed",
        "then",
        "  clauditor top          (nothing to watch yet? clauditor demo)",
        "",
        "Stop: clauditor down.  Back to direct at once: clauditor off.",
    ]


def test_up_does_not_put_itself_in_the_place_of_a_gateway_unasked(cli: Cli, tmp_path: Path) -> None:
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://llm.corp/"}}')
    refused = cli("up", environ={"CLAUDITOR_UPSTREAM": ""})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"clauditor: {settings}: ANTHROPIC_BASE_URL already sends Claude to https://llm.corp/; put Clauditor in front "
        "of it: clauditor up --upstream https://llm.corp/\n"
    )
    assert cli("status").returncode == 1


def test_a_second_up_in_the_foreground_finds_what_runs_too(cli: Cli) -> None:
    cli("up")
    again = cli("up", "--foreground")
    assert again.returncode == 0
    assert again.stdout.startswith("clauditor already runs here (proxy ")


def test_status_says_that_a_program_does_not_stay(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    assert "ended" not in cli("status").stdout
    for _ in range(3):
        before = status(cli)["proxy"]["pid"]
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while (now := status(cli)["proxy"])["pid"] in (None, before) or now["state"] != "running":
            assert time.monotonic() < deadline
    sentence = (
        "Envoy ended 3 times within a minute, the last time by SIGKILL; it is started again each time; "
        f"see {tmp_path}/data/run/envoy.log."
    )
    assert cli("status").stdout.splitlines()[-1] == sentence
    again = cli("up")
    assert (again.returncode, again.stderr) == (0, f"clauditor: {sentence}\n")


def client_settings(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".claude" / "settings.json"


def base_url(tmp_path: Path) -> Any:
    return json.loads(client_settings(tmp_path).read_text())["env"]["ANTHROPIC_BASE_URL"]


@pytest.fixture
def upstream_url(cli_environ: dict[str, str]) -> Iterator[str]:
    """An upstream that can be reached, without which `install` changes nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        cli_environ["CLAUDITOR_UPSTREAM"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield cli_environ["CLAUDITOR_UPSTREAM"]


def test_down_sends_claude_code_direct_first_and_up_sends_it_through_again(
    cli: Cli, tmp_path: Path, upstream_url: str
) -> None:
    cli("up")
    proxy = status(cli)["proxy"]["url"]
    assert cli("install", "--yes").returncode == 0
    assert base_url(tmp_path) == proxy
    down = cli("down")
    assert down.stdout == "Claude Code goes direct again from its next prompt.\nStopped.\n"
    assert base_url(tmp_path) == upstream_url
    assert "Claude Code's settings point here again." in cli("up").stdout
    assert base_url(tmp_path) == proxy

    cli("off")
    assert cli("down").stdout == "Stopped.\n"
    assert "point here again" not in cli("up").stdout
    assert base_url(tmp_path) == upstream_url  # what a person said holds on


def test_down_that_is_refused_changes_nothing(cli: Cli, tmp_path: Path, upstream_url: str) -> None:
    cli("up")
    assert cli("install", "--yes").returncode == 0
    proxy = base_url(tmp_path)
    with socket.create_connection(("127.0.0.1", int(proxy.rpartition(":")[2]))):
        assert cli("down").returncode == 1
    assert base_url(tmp_path) == proxy != upstream_url


def test_down_stops_nothing_while_the_settings_cannot_be_mended(
    cli: Cli, tmp_path: Path, upstream_url: str
) -> None:
    cli("up")
    assert cli("install", "--yes").returncode == 0
    proxy = base_url(tmp_path)
    client_settings(tmp_path).write_text("{ nonsense " + proxy)
    refused = cli("down")
    assert refused.returncode == 1
    assert refused.stderr.endswith("Mend that, or stop all the same: clauditor down --yes.\n")
    assert status(cli)["proxy"]["state"] == "running"
    assert cli("down", "--yes").stdout == "Stopped.\n"


def test_the_end_of_a_foreground_run_sends_claude_code_direct(
    cli: Cli, cli_environ: dict[str, str], tmp_path: Path, upstream_url: str
) -> None:
    cli("up")
    assert cli("install", "--yes").returncode == 0
    proxy = base_url(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "clauditor", "up", "--foreground", "--take-over"],
        env=cli_environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert re.match(r"clauditor \S+ ready in ", process.stdout.readline())
        assert base_url(tmp_path) == proxy
        process.send_signal(signal.SIGTERM)
        assert "Claude Code goes direct again" in process.stdout.read()
    assert process.returncode == 0
    assert base_url(tmp_path) == upstream_url


def test_up_returns_when_a_request_passes_and_is_quick(cli: Cli) -> None:
    began = time.monotonic()
    assert cli("up").returncode == 0
    client_of(status(cli)).close()
    assert time.monotonic() - began < 15


def test_status_of_nothing_says_stopped(cli: Cli, tmp_path: Path) -> None:
    found = cli("status", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["sidecar"]["state"] == "stopped"
    assert not (tmp_path / "data").exists()  # looking changes nothing


def test_down_asks_while_a_client_is_connected(cli: Cli, cli_environ: dict[str, str]) -> None:
    cli("up")
    found = status(cli)
    client = client_of(found)
    refused = cli("down")
    assert refused.returncode == 1
    assert re.fullmatch(r"clauditor: .+; .+ To stop anyway: clauditor down --yes\.\n", refused.stderr)
    assert on_terminal(cli_environ, "down", answer="n\n") == 0
    assert status(cli)["proxy"]["state"] == "running"
    assert on_terminal(cli_environ, "down", answer="y\n") == 0
    assert status(cli)["proxy"]["state"] == "stopped"
    client.close()


def test_down_yes_asks_nothing(cli: Cli) -> None:
    cli("up")
    client = client_of(status(cli))
    assert cli("down", "--yes").returncode == 0
    assert status(cli)["proxy"]["state"] == "stopped"
    client.close()


def test_in_the_foreground_it_stays_until_it_is_stopped(cli: Cli, cli_environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "clauditor", "up", "--foreground"],
        env=cli_environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert re.match(r"clauditor \S+ ready in ", process.stdout.readline())
    found = status(cli)
    assert found["proxy"]["state"] == "running"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    assert cli("status").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--envoy", "/nowhere/envoy"],
            r"Envoy at /nowhere/envoy cannot be run \(No such file or directory\); install",
        ),
        (
            ["--envoy", "/bin/true"],
            r"/bin/true is no Envoy that runs here \(it does not tell its version\); install one",
        ),
        (
            ["--envoy", "/etc/passwd"],
            r"Envoy at /etc/passwd cannot be run \(Permission denied\); install one",
        ),
        (
            ["--data-dir", "/proc/clauditor"],
            r"Cannot write to /proc/clauditor: .+ choose another place with --data-dir",
        ),
        (
            ["--data-dir", "/etc/passwd"],
            r"/etc/passwd is no directory; move it away or give another --data-dir",
        ),
        (
            ["--data-dir", "/usr"],
            (
                r"/usr (is open to others and holds other files; give a --data-dir for Clauditor alone"
                r"|belongs to another user; give a --data-dir of your own)"
            ),
        ),
        (
            ["--upstream-ca", "/nowhere.pem", "--upstream", "https://x"],
            r"Cannot read the certificates in /nowhere\.pem",
        ),
        (["--upstream-ca", "/etc/passwd", "--upstream", "https://x"], r"holds no certificate in PEM form"),
        (["--api-host", "192.0.2.1"], r"192\.0\.2\.1 is no address of this machine; give another one with"),
        (["--port", "4711", "--api-port", "4711"], r"Proxy and sidecar cannot share port 4711"),
    ],
)
def test_what_cannot_work_is_one_sentence(cli: Cli, arguments: list[str], words: str) -> None:
    refused = cli("up", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(rf"clauditor: .*{words}.*\.\n", refused.stderr)


def test_a_port_for_the_privileged_is_refused_with_a_remedy() -> None:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            ports.is_free("127.0.0.1", 80)
        except ClauditorError as error:
            os.write(writable, str(error).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as said:
        text = said.read()
    os.waitpid(child, 0)
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())  # 0 in Docker's containers
    refusal = "Port 80 is for privileged programs only; choose one above 1023."
    assert text == (refusal if first > 80 else "")


def test_broken_settings_block_neither_status_nor_env_nor_down(cli: Cli, tmp_path: Path) -> None:
    cli("up")
    config = tmp_path / "config.toml"
    config.write_text("port =")
    broken = {"CLAUDITOR_CONFIG": str(config), "CLAUDITOR_API_PORT": "x"}
    for command in (["status"], ["env"], ["down", "--yes"]):
        found = cli(*command, environ=broken)
        assert found.returncode == 0, command
        assert "config.toml is not valid TOML" in found.stderr
    assert found.stdout == "Stopped.\n"
    assert cli("up", environ=broken).returncode == 1


def test_a_misspelt_setting_is_one_line_of_warning(cli: Cli, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("prot = 1")
    found = cli("status", "--config", str(config))
    assert (
        found.stderr == f"clauditor: prot in {config} is no setting and has no effect; check its spelling.\n"
    )


def test_up_says_that_a_frozen_sidecar_does_not_answer(cli: Cli) -> None:
    cli("up")
    pid = status(cli)["sidecar"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    found = cli("up")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == (
        f"clauditor: The sidecar runs (pid {pid}), but does not answer; end it, and it is started again at once: "
        f"kill -9 {pid}\n"
    )


def test_up_says_which_port_it_kept(cli: Cli) -> None:
    assert "of last time" not in cli("up").stdout
    port = status(cli)["proxy"]["url"].rpartition(":")[2]
    cli("down")
    assert f"Port {port} is the one of last time; --port takes another." in cli("up").stdout


def test_ctrl_c_while_it_starts_stops_what_was_started(
    cli: Cli, cli_environ: dict[str, str], tmp_path: Path
) -> None:
    envoy = tmp_path / "envoy"
    real = find_envoy(None).path
    envoy.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\nexec sleep 60\n')
    envoy.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "clauditor", "up", "--envoy", str(envoy)],
        env=cli_environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until((tmp_path / "data" / "run" / "envoy.pid").exists, "Envoy was started")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "clauditor: Interrupted, nothing runs here.")
    assert cli("status").returncode == 1


def test_a_busy_port_names_its_owner(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        refused = cli("up", "--port", str(port))
        assert refused.returncode == 1
        assert f"Port {port} is used by " in refused.stderr
        assert f"(pid {os.getpid()}); stop it, or choose another one with --port." in refused.stderr


def test_an_upstream_from_the_environment_alone_is_not_enough(cli: Cli) -> None:
    refused = cli("up", environ={"CLAUDITOR_ALLOW_OTHER_UPSTREAM": ""})
    assert refused.returncode == 1
    assert "would send your keys to http://127.0.0.1:1" in refused.stderr
    assert (
        cli(
            "up", "--upstream", "http://127.0.0.1:1", environ={"CLAUDITOR_ALLOW_OTHER_UPSTREAM": ""}
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "x"],
        ["--port", "70000"],
        ["--upstream", "ftp://x"],
        ["--nonsense"],
        ["--foreground", "--detach"],
    ],
)
def test_wrong_options_exit_2(cli: Cli, arguments: list[str]) -> None:
    refused = cli("up", *arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith("clauditor: ")
    assert refused.stderr.endswith("See clauditor up --help.\n")
    assert refused.stderr.count("\n") == 1


def test_the_sidecar_is_back_after_a_kill_and_nothing_else_changed(cli: Cli) -> None:
    cli("up")
    before = status(cli)
    os.kill(before["sidecar"]["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (after := status(cli))["sidecar"]["state"] != "running" or after["sidecar"] == before["sidecar"]:
        assert time.monotonic() < deadline
    assert after["proxy"] == before["proxy"]
    assert after["sidecar"]["url"] == before["sidecar"]["url"]


def on_terminal(environ: dict[str, str], *arguments: str, answer: str) -> int:
    """Run a command on a terminal and type an answer; its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-P", "-m", "clauditor", *arguments], environ)  # noqa: S606
    shown = b""
    while b"?" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, answer.encode())
    try:
        while os.read(terminal, 1024):
            pass
    except OSError:  # Linux says EIO at the end of a terminal
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
