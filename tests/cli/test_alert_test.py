"""alert-test as a person calls it, with a file, a program and a server of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_each_way_that_is_set_up_is_tried(cli: Cli, config: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "notify-send"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/shown\n')
    program.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                received = b""
                while b'"next_step"' not in received:
                    received += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        config.write_text(
            f'[alerts]\nwebhook = "http://127.0.0.1:{port}/secret"\ncommand = ["/bin/sh", "-c", "cat > {told}"]\n'
        )
        environ = {"PATH": f"{tools}:/usr/bin:/bin", "DISPLAY": ":0"}
        found = cli("alert-test", "--config", str(config), environ=environ)
        thread.join()
    assert (found.stderr, found.returncode) == ("", 0)
    assert found.stdout.splitlines() == [
        'desktop: sent. Look for "Clauditor: alert-test".',
        "webhook: sent. 127.0.0.1 took it.",
        "command: sent. /bin/sh ended well.",
    ]
    assert json.loads(told.read_text())["summary"] == "This is a test: no session waits for you."
    assert "-- Clauditor: alert-test This is a test" in (tmp_path / "shown").read_text()


def test_one_that_fails_is_exit_1_with_the_remedy(cli: Cli, config: Path) -> None:
    config.write_text('[alerts]\ndesktop = false\ncommand = ["/nowhere/on-alert"]\n')
    found = cli("alert-test", "--config", str(config))
    assert found.returncode == 1
    assert found.stdout == (
        f"desktop: off. desktop = false under [alerts] in {config} says so.\n"
        f'webhook: off. To set it up: webhook = "https://..." under [alerts] in {config}.\n'
    )
    assert found.stderr == (
        "command: failed. /nowhere/on-alert cannot be started (No such file or directory); "
        "check command under [alerts] in config.toml.\n"
    )


@pytest.mark.parametrize("way", ["desktop", "webhook", "command"])
def test_a_way_that_was_asked_for_and_is_not_set_up_is_exit_1(cli: Cli, config: Path, way: str) -> None:
    config.write_text("[alerts]\ndesktop = false\n")
    found = cli("alert-test", f"--{way}", "--config", str(config))
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith(f"{way}: off. ")
    assert len(found.stderr.splitlines()) == 1


def test_a_desktop_that_was_switched_on_and_is_not_there_is_a_failure(cli: Cli, config: Path) -> None:
    config.write_text("[alerts]\ndesktop = true\n")
    found = cli("alert-test", "--config", str(config), environ={"PATH": "/nowhere"})
    assert found.returncode == 1
    assert found.stderr.startswith("desktop: failed. notify-send was not found; install it")


def test_with_no_way_at_all_it_says_that_nothing_would_ring(cli: Cli, config: Path) -> None:
    config.write_text("[alerts]\ndesktop = false\n")
    found = cli("alert-test", "--config", str(config))
    assert found.returncode == 1
    assert found.stderr == "clauditor: No way is set up, so nothing would ring; see the remedies above.\n"
