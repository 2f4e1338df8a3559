"""completion: the script that lets a shell complete commands, options and session ids.

The scripts and the protocol behind them are click's own (8.x, "Shell Completion"): the shell asks `clauditor` again
with `_CLAUDITOR_COMPLETE` set.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clauditor.cli.options import settings_options
from clauditor.config import Settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_CLAUDITOR_COMPLETE"
ASK_SECONDS: Final = 0.3  # somebody holds down the Tab key
SHOWN_CELLS: Final = 40


@click.command()
@settings_options(problems="leave")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(settings: Settings, shell: str | None) -> None:  # noqa: ARG001 - as every command takes them
    """Print the script that lets SHELL complete commands, options and the ids of live sessions.

    Without SHELL it is the one of $SHELL. The script asks `clauditor` at every Tab; nothing is installed by it.
    """
    from click.shell_completion import get_completion_class

    from clauditor.cli import cli

    shell = shell or Path(os.environ.get("SHELL", "")).name
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise click.UsageError(f"Name your shell: {', '.join(SHELLS)}.")
    click.echo(found(cli, {}, "clauditor", VARIABLE).source(), nl=False)


def session_ids(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of sessions, the newest activity first; none if the sidecar does not say so at once. Never raises."""
    from click.shell_completion import CompletionItem

    given = {name: str(value) for name in ("data_dir", "config") if (value := ctx.params.get(name))}
    try:
        found = _sessions(given)
    except (OSError, ValueError, http.client.HTTPException):
        return []
    return [
        CompletionItem(session_id, help=_about(session))
        for session in found
        if isinstance(session_id := session.get("session_id"), str) and session_id.startswith(incomplete)
    ]


def _sessions(given: dict[str, str]) -> list[dict[str, Any]]:
    from clauditor.hooks.place import find_place
    from clauditor.peer import may_be_told

    place = find_place(given, os.environ)
    connection = http.client.HTTPConnection(place.api_host, place.api_port, timeout=ASK_SECONDS)
    try:
        connection.connect()
        if not may_be_told(connection.sock, place.token_file, place.sidecar_lock):
            return []
        connection.request(
            "GET", "/api/v1/sessions", headers={"Authorization": f"Bearer {place.token or ''}"}
        )
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    sessions = answer.get("sessions") if isinstance(answer, dict) else None
    return [one for one in sessions if isinstance(one, dict)] if isinstance(sessions, list) else []


def _about(session: dict[str, Any]) -> str:
    """Project and label; without what the shells' scripts take for their own marks."""
    from clauditor.text import label

    words = [str(session[name]) for name in ("project", "label") if session.get(name)]
    return label(" ".join(words), SHOWN_CELLS).replace(",", " ").replace(":", " ")
