"""A systemd user unit that keeps the stack running: its text, its place, and what systemd is asked to do with it.

Source: systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.syntax(7), version 252.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from clauditor.config import Settings, parse_upstream_proxy
from clauditor.errors import ClauditorError
from clauditor.proxy.plan import Plan
from clauditor.proxy.prepare import CHOICES
from clauditor.proxy.rundir import RunDir

UNIT: Final = "clauditor.service"
MARK: Final = "# Written by `clauditor service install`; `clauditor service uninstall` removes it."
SYSTEMCTL_SECONDS: Final = 30.0
SEARCHED: Final = ("PATH", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


def unit_path(environ: Mapping[str, str]) -> Path:
    """Where systemd looks for a user's own units."""
    home = environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "systemd" / "user" / UNIT


def start_command(settings: Settings) -> list[str]:
    """`clauditor up` as it was asked for here, or as the stack runs that is there now."""
    words = [sys.executable, "-P", "-m", "clauditor", "up", "--foreground", "--take-over"]
    words.append(f"--data-dir={settings.data_dir}")
    if settings.flagged("config"):
        words.append(f"--config={settings.config_file}")
    plan = Plan.read(RunDir(settings.data_dir).plan)
    kept = plan.choices if plan else {}
    for name in CHOICES:
        option = "--" + name.replace("_", "-")
        if settings.flagged(name):
            words.append(f"{option}={getattr(settings, name)}")
        elif name in kept and not settings.asked_for(name):
            words.append(f"{option}={kept[name]}")
    return words


def unit_text(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """The whole unit; `environ` is that of the shell, of which a service knows nothing by itself."""
    program, *arguments = command
    start = " ".join([_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)])
    variables = [f"Environment={_quoted(f'{name}={value}')}" for name, value in _variables(environ)]
    return "\n".join(
        (
            MARK,
            "[Unit]",
            "Description=Clauditor, which watches Claude Code sessions: proxy and sidecar",
            "StartLimitIntervalSec=300",
            "StartLimitBurst=10",
            "",
            "[Service]",
            "Type=exec",
            f"ExecStart={start}",
            *variables,
            "UMask=0077",
            "Restart=on-failure",
            "RestartSec=2",
            "# What a crash of the supervisor leaves behind goes on serving sessions until the next start adopts it.",
            "KillMode=process",
            "TimeoutStopSec=20",
            "",
            "[Install]",
            "WantedBy=default.target",
            "",
        )
    )


def existing(path: Path) -> str | None:
    """The unit that is there, None if there is none; raises ClauditorError for one that is not Clauditor's."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ClauditorError(f"Cannot read {path}: {error.strerror}.") from error
    if not text.startswith(MARK):
        raise ClauditorError(f"{path} was not written by Clauditor; move it away first.")
    return text


def write(path: Path, text: str) -> None:
    """Put the unit there, whole or not at all; a symlink stays one. Raises ClauditorError if that is impossible."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ClauditorError(f"Cannot write {path}: {error.strerror}.") from error


def remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ClauditorError(f"Cannot remove {path}: {error.strerror}.") from error


def require_systemd() -> None:
    """Raise ClauditorError where there is no systemd to write a unit for."""
    if sys.platform != "linux" or shutil.which("systemctl") is None:
        raise ClauditorError(
            "There is no systemd here; let whatever starts your programs run: clauditor up --foreground"
        )


def systemctl(*words: str) -> str | None:
    """Ask the user's systemd for something; None if it agreed, else its answer."""
    try:
        done = subprocess.run(
            ["systemctl", "--user", *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SYSTEMCTL_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(environ.items()):
        is_setting = name.startswith("CLAUDITOR_") and name not in ("CLAUDITOR_RUN_ID", "CLAUDITOR_DEBUG")
        if is_setting or name in SEARCHED or (name in PROXIES and _is_harmless(name, value)):
            yield name, value


def _is_harmless(name: str, value: str) -> bool:
    """Whether a proxy's address can stand in a file; one with a password cannot, and `up` refuses it too."""
    if name.lower() == "no_proxy":
        return True
    with contextlib.suppress(ValueError):
        parse_upstream_proxy(value)
        return True
    return False


def _quoted(word: str) -> str:
    """One word in systemd's quotes, with nothing in it that systemd would replace."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'
