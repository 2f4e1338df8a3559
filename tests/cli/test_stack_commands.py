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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.envoy import find_envoy

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
    deadline = time.monotonic() + 10
    pid_file = tmp_path / "data" / "run" / "envoy.pid"
    while not pid_file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
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
