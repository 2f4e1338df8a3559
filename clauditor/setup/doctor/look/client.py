"""What Claude Code is told, by every file and the shell, and which Claude Code that is.

Sources: Claude Code's documentation of settings (files and their order, 2026-11) and the layout of its two ways of
installation: the native one (`~/.local/share/claude/versions/<version>`) and the npm package (`package.json`).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from clauditor.errors import ClauditorError
from clauditor.hooks.command import EVENTS
from clauditor.proxy.client_env import BASE_URL, OTHER_PROVIDERS, PROXY_VARIABLES
from clauditor.proxy.process import LINUX
from clauditor.proxy.unwatched import unwatched
from clauditor.setup.doctor.checks.variables import HINTS, TOOL_SEARCH
from clauditor.setup.doctor.checks.words import short
from clauditor.setup.doctor.facts import Client, ClientSource, Hook, Passing, Scope
from clauditor.setup.doctor.look.asked import asked
from clauditor.setup.doctor.look.scene import Scene
from clauditor.setup.own import is_our_command

VARIABLES: Final = (
    *(BASE_URL, HINTS, TOOL_SEARCH, "no_proxy", "NO_PROXY"),
    *OTHER_PROVIDERS,
    *PROXY_VARIABLES,
)
FILE_LIMIT_BYTES: Final = 1 << 20
COMMANDS_LIMIT: Final = 200  # hooks that are looked at in one file
POLICY: Final = (
    Path("/Library/Application Support/ClaudeCode") if sys.platform == "darwin" else Path("/etc/claude-code")
)
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+[\w.-]*")
_ASK_SECONDS: Final = 1.8


def look(scene: Scene) -> Client:
    found = shutil.which("claude", path=scene.environ.get("PATH"))
    path = Path(found) if found else None
    return Client(
        sources=(
            *(_source(scope, file, scene) for scope, file in settings_files(scene)),
            ClientSource(scope="shell", variables=_variables(scene.environ)),
        ),
        wanted_hooks=EVENTS,
        path=path,
        version=_version(path) if path else None,
    )


def look_for_passing(scene: Scene) -> tuple[Passing, ...]:
    """Raises ClauditorError where the system does not show the processes of others."""
    if not LINUX:
        raise ClauditorError("only Linux shows where a process sends its requests")
    proxy_url = scene.plan.proxy_url if scene.plan else None
    return tuple(
        Passing(pid=one.pid, directory=short(one.directory, scene.home) if one.directory else None)
        for one in unwatched(proxy_url)
    )


def settings_files(scene: Scene) -> Iterator[tuple[Scope, Path]]:
    """Every settings file that exists, the strongest first."""
    places: list[tuple[Scope, Path]] = [("managed policy", POLICY / "managed-settings.json")]
    drop_ins = POLICY / "managed-settings.d"
    if drop_ins.is_dir():  # later names win
        places[:0] = [("managed policy", file) for file in sorted(drop_ins.glob("*.json"), reverse=True)]
    own = scene.environ.get("CLAUDE_CONFIG_DIR")
    places += [
        ("local", scene.directory / ".claude" / "settings.local.json"),
        ("project", scene.directory / ".claude" / "settings.json"),
        ("user", (Path(own) if own else scene.home / ".claude") / "settings.json"),
    ]
    user = places[-1][1].resolve()
    for scope, path in places:
        is_users = scope == "project" and path.resolve() == user  # in one's home directory they are the same
        if path.exists() and not is_users:
            yield scope, path


def _source(scope: Scope, path: Path, scene: Scene) -> ClientSource:
    try:
        with path.open("rb") as file:
            content: Any = json.loads(file.read(FILE_LIMIT_BYTES))
    except OSError as error:
        return ClientSource(scope=scope, path=path, trouble=error.strerror or "it cannot be read")
    except (ValueError, RecursionError):
        return ClientSource(scope=scope, path=path, trouble="it is not valid JSON")
    if not isinstance(content, dict):
        return ClientSource(scope=scope, path=path, trouble="it is not a JSON object")
    line = _command_of(content.get("statusLine"))
    is_ours = is_our_command(line, "statusline")
    return ClientSource(
        scope=scope,
        path=path,
        variables=_variables(content.get("env")),
        hooks=tuple(_hooks(content.get("hooks"), scene)),
        status_line="none" if line is None else "ours" if is_ours else "another",
        status_line_missing=_missing(line, scene) if line and is_ours else None,
        hooks_disabled=content.get("disableAllHooks") is True,
    )


def _variables(env: Any) -> dict[str, str]:
    if not hasattr(env, "get"):
        return {}
    return {name: str(env[name]) for name in VARIABLES if env.get(name)}


def _hooks(hooks: Any, scene: Scene) -> Iterator[Hook]:
    """Commands of ours: {event: [{"hooks": [{"type", "command", "async"}]}]}."""
    seen = 0
    for event, matchers in hooks.items() if isinstance(hooks, dict) else ():
        for matcher in matchers if isinstance(matchers, list) else ():
            commands = matcher.get("hooks") if isinstance(matcher, dict) else None
            for one in commands if isinstance(commands, list) else ():
                seen += 1
                if seen > COMMANDS_LIMIT:
                    return
                command = _command_of(one)
                if command and is_our_command(command, "hook"):
                    missing = _missing(command, scene)
                    yield Hook(event=str(event), is_async=one.get("async") is True, missing=missing)


def _command_of(value: Any) -> str | None:
    command = value.get("command") if isinstance(value, dict) else None
    return command if isinstance(command, str) else None


def _missing(command: str, scene: Scene) -> str | None:
    """The program of a command of ours, if there is none of that name."""
    program = shlex.split(command)[0]
    return None if shutil.which(program, path=scene.environ.get("PATH")) else program


def _version(path: Path) -> str | None:
    """From the way it is installed; only where that does not tell, the program is asked, and not waited for long."""
    program = path.resolve()
    if _VERSION.fullmatch(program.name):
        return program.name
    for directory in list(program.parents)[:3]:
        try:
            package = json.loads((directory / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        version = package.get("version") if isinstance(package, dict) else None
        if isinstance(version, str) and "claude-code" in str(package.get("name")):
            return version
    try:
        told = asked(path, "--version", seconds=_ASK_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    version_word = _VERSION.match(told)
    return version_word[0] if version_word else None
