"""What beside the user's settings decides where Claude Code sends its requests, and what of it stands in the way.

Source: Claude Code's documentation of settings and their order (code.claude.com/docs/en/settings, 2026-11): managed
settings beat the command line's, those the project's own, those the user's, and all of them the shell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from clauditor.config import parse_upstream
from clauditor.proxy.client_env import BASE_URL, OTHER_PROVIDERS, SETTINGS_LIMIT_BYTES
from clauditor.setup.json_text import MISSING, get
from clauditor.setup.settings_file import shown
from clauditor.text import clean, redact

_MANAGED: Final = (
    "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
)
_OFF: Final = ("", "0", "false", "no", "off")


def other_provider(environ: Mapping[str, str], settings: Any) -> str | None:
    """Why this set-up cannot be observed at all, in one sentence; None if it can."""
    for variable, provider in OTHER_PROVIDERS.items():
        for place, value in (
            ("the environment", environ.get(variable, "")),
            ("the settings", get(settings, ("env", variable))),
        ):
            if value is not MISSING and str(value).lower() not in _OFF:
                return (
                    f"{variable} in {place} sends Claude to {provider}, which Clauditor does not observe; "
                    "nothing was changed."
                )
    return None


def existing_gateway(
    environ: Mapping[str, str], settings: Any, path: Path, *, ours: frozenset[str], upstream: str
) -> tuple[str, str] | None:
    """A base URL that leads elsewhere, and who names it; None if there is none, or it is the upstream's already."""
    named = get(settings, ("env", BASE_URL))
    place, url = (
        (shown(path), named) if isinstance(named, str) and named else (BASE_URL, environ.get(BASE_URL, ""))
    )
    if not url or url.rstrip("/") in {address.rstrip("/") for address in ours}:
        return None
    try:
        return None if parse_upstream(url) == parse_upstream(upstream) else (url, place)
    except ValueError:
        return url, place


def stronger_settings(directory: Path, *, managed: Path = Path(_MANAGED)) -> Iterator[str]:
    """What beats the user's own settings here, a sentence each. Files that cannot be read say nothing."""
    files = [managed / "managed-settings.json", *sorted((managed / "managed-settings.d").glob("*.json"))]
    for path, where in (
        *((path, "on this machine") for path in files),
        (directory / ".claude" / "settings.local.json", "in this project"),
        (directory / ".claude" / "settings.json", "in this project"),
    ):
        settings = read_leniently(path)
        url = get(settings, ("env", BASE_URL))
        if isinstance(url, str) and url:
            yield f"{shown(path)} sends Claude to {redact(clean(url, 80))} {where}; those sessions are not seen."
        if get(settings, ("statusLine",)) is not MISSING:
            yield f"{shown(path)} has a status line of its own; {where} Clauditor's is not shown."
        yield from _without_hooks(settings, path)


def without_hooks(settings: Any, path: Path) -> tuple[str, ...]:
    """Why hooks and status line that stand in the user's settings would not run."""
    return tuple(_without_hooks(settings, path))


def _without_hooks(settings: Any, path: Path) -> Iterator[str]:
    for name in ("disableAllHooks", "allowManagedHooksOnly"):
        if get(settings, (name,)) is True:
            yield f"{shown(path)} has {name}: hooks and status line do not run, so dialogs are only guessed."


def read_leniently(path: Path) -> Any:
    """What a settings file holds; None for what cannot be read as JSON."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(SETTINGS_LIMIT_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
