"""postmortem: the report on one session, on the terminal, as JSON, or as Markdown to keep."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from clauditor.cli.completion import session_ids
from clauditor.cli.options import settings_options
from clauditor.cli.view import json_option, listing_client, terminal_width, url_option
from clauditor.config import Settings
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from clauditor.client import SidecarClient


@click.command()
@settings_options("token_file")
@url_option
@click.argument("session_id", metavar="ID|last", shell_complete=session_ids)
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write Markdown (or, with --json, JSON) to FILE instead.",
)
def postmortem(
    settings: Settings,
    url: str | None,
    session_id: str,
    as_json: bool,
    as_markdown: bool,
    output: Path | None,
) -> None:
    """What went wrong in a session and since when, what it wasted, and how to go on.

    ID is a session's id or its beginning, at least four characters; `last` is the session of the newest activity.
    Made here from what was recorded: no model is asked, and no prompt, answer or label is part of it.
    """
    if as_json and as_markdown:
        raise click.UsageError("Choose one of --json and --markdown.")
    report = _report(listing_client(settings, url), session_id)
    if as_json:
        text = json.dumps(report, indent=2, ensure_ascii=True) + "\n"
    else:
        text = _in_words(report, as_markdown=as_markdown or output is not None)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def _report(sidecar: SidecarClient, session_id: str) -> Mapping[str, Any]:
    if session_id == "last":
        newest = sidecar.sessions(limit=1)
        if not newest or not isinstance(newest[0].get("session_id"), str):
            raise ClauditorError(
                "No session was seen yet; send a prompt through the proxy: clauditor run claude"
            )
        session_id = newest[0]["session_id"]
    return sidecar.ask(f"/api/v1/sessions/{quote(session_id, safe='')}/postmortem")


def _in_words(report: Mapping[str, Any], *, as_markdown: bool) -> str:
    from clauditor.ui.clock import local_zone, now
    from clauditor.ui.views.document import document_lines
    from clauditor.ui.views.markdown import markdown
    from clauditor.ui.views.postmortem import postmortem_document
    from clauditor.ui.views.screen import plain_text

    document = postmortem_document(report, local_zone(now()))
    if as_markdown:
        return markdown(document)
    return plain_text(document_lines(document, terminal_width()))


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all; only its owner can read it (names of projects and files are in it)."""
    beside: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        beside = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise ClauditorError(f"Cannot write {path} ({why}); name another file with -o.") from error
