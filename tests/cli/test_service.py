"""service install and uninstall: the unit's text, judged by systemd itself where that is present, and its manners."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clauditor.config import load_settings
from clauditor.setup.service import MARK, start_command, unit_text

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
UNIT = Path("home/.config/systemd/user/clauditor.service")


@pytest.fixture
def systemctl(tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """A systemctl that notes what it is asked and answers with this exit code; returns a PATH with it in front."""

    def make(code: int) -> dict[str, str]:
        program = tmp_path / "bin" / "systemctl"
        program.parent.mkdir(exist_ok=True)
        asked = shlex.quote(str(tmp_path / "asked"))
        program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho No medium found. >&2\nexit {code}\n')
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    return make


def asked(tmp_path: Path) -> list[str]:
    path = tmp_path / "asked"
    return path.read_text().splitlines() if path.exists() else []


def words_of(unit: str, key: str) -> list[str]:
    """The words of a line as systemd takes them apart: quotes as in C, `%%` and `$$` for one each."""
    line = next(line for line in unit.splitlines() if line.startswith(key + "="))
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line.partition("=")[2])]


def test_any_path_and_option_survives_the_way_through_the_unit(tmp_path: Path) -> None:
    hard = tmp_path / 'a b%n "c" $HOME \\x'
    settings = load_settings({"data_dir": str(hard), "port": 4711, "upstream": "https://x/$a%b"}, {})
    command = start_command(settings)
    assert command[:7] == [sys.executable, "-P", "-m", "clauditor", "up", "--foreground", "--take-over"]
    assert set(command[7:]) == {f"--data-dir={hard}", "--port=4711", "--upstream=https://x/$a%b"}
    assert words_of(unit_text(command, {}), "ExecStart") == command


def test_the_unit_knows_what_the_shell_knew_and_no_secret() -> None:
    environ = {
        "PATH": "/opt/a b%c:/bin",
        "CLAUDITOR_LABELS": "off",
        "CLAUDITOR_RUN_ID": "x",
        "ANTHROPIC_API_KEY": "sk-canary",
        "HTTPS_PROXY": "http://user:canary@proxy:3128",
        "https_proxy": "http://proxy:3128",
        "SSL_CERT_FILE": "/etc/corp.pem",
    }
    text = unit_text(["/bin/true"], environ)
    assert "canary" not in text
    assert [line for line in text.splitlines() if line.startswith("Environment=")] == [
        'Environment="CLAUDITOR_LABELS=off"',
        'Environment="PATH=/opt/a b%%c:/bin"',
        'Environment="SSL_CERT_FILE=/etc/corp.pem"',
        'Environment="https_proxy=http://proxy:3128"',
    ]


def test_it_is_started_again_and_what_a_crash_leaves_is_not_killed() -> None:
    lines = unit_text(["/bin/true"], {}).splitlines()
    assert lines[0] == MARK
    assert {"Restart=on-failure", "KillMode=process", "WantedBy=default.target", "UMask=0077"} <= set(lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    settings = load_settings({"data_dir": str(tmp_path / 'a b%n "c" $HOME')}, {})
    unit = tmp_path / "clauditor.service"
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)

    def verify(text: str) -> subprocess.CompletedProcess[str]:
        unit.write_text(text)
        return subprocess.run(
            ["systemd-analyze", "--user", "verify", unit],
            env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    good = unit_text(start_command(settings), {"PATH": "/a b%c"})
    found = verify(good)
    assert (found.returncode, found.stderr) == (0, "")
    assert verify(good.replace(sys.executable, "/nowhere/python")).returncode != 0


def test_install_asks_writes_enables_and_is_idempotent(
    cli: Cli, tmp_path: Path, systemctl: Callable[[int], dict[str, str]]
) -> None:
    environ = systemctl(0)
    refused = cli("service", "install", environ=environ)
    assert refused.returncode == 1
    assert refused.stderr.endswith("To do so without being asked: --yes\n")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / UNIT).exists()
    assert not asked(tmp_path)

    shown = cli("service", "install", "--dry-run", environ=environ)
    assert shown.returncode == 0
    assert f"# {tmp_path / UNIT}\n{MARK}" in shown.stdout
    assert not (tmp_path / UNIT).exists()

    done = cli("service", "install", "--yes", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "loginctl enable-linger" in done.stdout
    written = (tmp_path / UNIT).read_text()
    assert written in shown.stdout
    assert f"--data-dir={tmp_path / 'data'}" in words_of(written, "ExecStart")
    assert asked(tmp_path) == ["--user daemon-reload", "--user enable --now clauditor.service"]

    again = cli("service", "install", environ=environ)  # nothing to ask: it is there
    assert (again.returncode, again.stderr) == (0, "")
    assert "Written" not in again.stdout
    assert (tmp_path / UNIT).read_text() == written


def test_uninstall_removes_what_install_wrote_and_nothing_else(
    cli: Cli, tmp_path: Path, systemctl: Callable[[int], dict[str, str]]
) -> None:
    environ = systemctl(0)
    assert cli("service", "uninstall", environ=environ).stdout == "No unit of Clauditor's is installed.\n"
    cli("service", "install", "--yes", environ=environ)
    assert cli("service", "uninstall", environ=environ).returncode == 1
    assert cli("service", "uninstall", "--dry-run", environ=environ).returncode == 0
    assert (tmp_path / UNIT).exists()
    assert cli("service", "uninstall", "--yes", environ=environ).returncode == 0
    assert not (tmp_path / UNIT).exists()
    (tmp_path / UNIT).write_text("[Service]\nExecStart=/bin/true\n")
    for command in ("install", "uninstall"):
        refused = cli("service", command, "--yes", environ=environ)
        assert refused.returncode == 1
        assert refused.stderr.endswith("was not written by Clauditor; move it away first.\n")


def test_a_systemd_that_does_not_answer_is_one_sentence(
    cli: Cli, tmp_path: Path, systemctl: Callable[[int], dict[str, str]]
) -> None:
    environ = systemctl(1)
    refused = cli("service", "install", "--yes", environ=environ)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "systemd does not start it (No medium found); when it can: systemctl --user" in refused.stderr
    assert (tmp_path / UNIT).exists()
    assert cli("service", "uninstall", "--yes", environ=environ).returncode == 0
    assert not (tmp_path / UNIT).exists()


def test_without_systemd_it_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    refused = cli("service", "install", "--yes", environ={"PATH": str(tmp_path)})
    assert refused.returncode == 1
    assert refused.stderr == (
        "clauditor: There is no systemd here; let whatever starts your programs run: clauditor up --foreground\n"
    )
