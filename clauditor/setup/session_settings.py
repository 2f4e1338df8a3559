"""What `clauditor run claude` gives its client on the command line, so that no file has to be changed.

`--settings` is merged with the user's own files and beats their single values (Claude Code 2.1.330): hooks of both run,
but of two status lines or base URLs the one given here holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from clauditor.config import ANTHROPIC, Settings
from clauditor.hooks.command import EVENTS
from clauditor.proxy.client_env import settings_variables
from clauditor.proxy.plan import Plan
from clauditor.proxy.rundir import RunDir
from clauditor.setup.commands import command as shell_command
from clauditor.setup.json_text import MISSING, get
from clauditor.setup.own import STATUS_LINE, hook_entry, is_our_command, status_line_command
from clauditor.setup.settings_file import user_settings
from clauditor.setup.surroundings import read_leniently

CLIENT: Final = "claude"
_OPTION: Final = "--settings"


def with_settings(
    command: Sequence[str],
    *,
    proxy_url: str,
    settings: Settings,
    environ: Mapping[str, str],
    directory: Path,
) -> tuple[str, ...]:
    """The command with base URL, hooks and status line behind the client's name; any other program's as it is.

    Who gives `--settings` himself has his own way. Never raises on what files hold.
    """
    given = any(word == _OPTION or word.startswith(_OPTION + "=") for word in command[1:])
    if Path(command[0]).name != CLIENT or given:
        return tuple(command)
    text = json.dumps(session_settings(proxy_url, settings, environ, directory))
    return (command[0], _OPTION, text, *command[1:])


def session_settings(
    proxy_url: str, settings: Settings, environ: Mapping[str, str], directory: Path
) -> dict[str, Any]:
    """Settings for one session. What `install` has written already is not given twice."""
    user = read_leniently(user_settings(environ))
    own = directory / ".claude"
    files = [read_leniently(own / "settings.local.json"), read_leniently(own / "settings.json"), user]
    named: dict[str, Any] = {}
    for file in reversed(files):  # the strongest last
        variables = get(file, ("env",))
        named |= variables if isinstance(variables, dict) else {}
    plan = Plan.read(RunDir(settings.data_dir).plan)
    upstream = plan.upstream if plan else ANTHROPIC
    given: dict[str, Any] = {"env": settings_variables(proxy_url, environ, named, upstream=upstream)}
    hook = shell_command("hook", settings)
    events = [event for event in EVENTS if not _has_hook(user, event, hook)]
    if events:
        given["hooks"] = {event: [{"hooks": [hook_entry(hook)]}] for event in events}
    strongest: Any = next((file for file in files if get(file, STATUS_LINE) is not MISSING), {})
    line = status_line_command(strongest, shell_command("statusline", settings))
    if line is not None and not is_our_command(get(strongest, (*STATUS_LINE, "command")), "statusline"):
        there = get(strongest, STATUS_LINE)
        given[STATUS_LINE[0]] = ({} if there is MISSING else there) | {"type": "command", "command": line}
    return given


def _has_hook(settings: Any, event: str, command: str) -> bool:
    groups = get(settings, ("hooks", event))
    entries = [get(group, ("hooks",)) for group in groups] if isinstance(groups, list) else []
    return any(
        get(entry, ("command",)) == command for found in entries if isinstance(found, list) for entry in found
    )
