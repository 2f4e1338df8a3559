"""top, sessions, show: what people look at. The live screen is imported only where it is shown."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from clauditor.cli.complaining import complain
from clauditor.cli.options import settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from clauditor.client import SidecarClient
    from clauditor.ui.views.cells import Scene
    from clauditor.ui.views.segments import Line
    from clauditor.ui.views.session import SessionView

SCHEMA_VERSION = 1
# As the API knows them; repeated, because its modules take a while to load.
STATES = ("thinking", "streaming", "tool", "waiting", "retrying", "stalled", "idle", "ended")
LEVELS = ("ok", "watch", "act")
SORTS = ("activity", "cost", "context", "started")

_TOP_EPILOG = """\b
For the status bar of tmux:
  set -g status-right '#(clauditor top --compact)'
Two machines on one screen:
  clauditor top --url here=http://127.0.0.1:9091 --url build=http://127.0.0.1:9191
The secret of each address is in the file that config.toml names for it:
  [tokens]
  "http://127.0.0.1:9191" = "~/build.token"
An address that is not named there gets that of --token-file, or of the data
directory.
"""

url_option = click.option("--url", metavar="URL", help="Another sidecar.  [default: the one that runs here]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(epilog=_TOP_EPILOG)
@settings_options("token_file")
@click.option(
    "--url",
    "urls",
    metavar="[NAME=]URL",
    multiple=True,
    help="Another sidecar; several are shown as one, each under its name.  [default: the one that runs here]",
)
@click.option(
    "--once", is_flag=True, help="Print the screen once, as plain text (also where there is no terminal)."
)
@json_option
@click.option("--compact", is_flag=True, help="Print one line for the status bar of tmux.")
@click.option("--no-bell", is_flag=True, help="Do not ring for new signals.")
def top(
    settings: Settings, urls: tuple[str, ...], once: bool, as_json: bool, compact: bool, no_bell: bool
) -> None:
    """All sessions, live: which one needs you, and why.

    `?` on the screen explains its keys and words. View, order and groups are remembered.
    """
    if once + as_json + compact > 1:
        raise click.UsageError("Choose one of --once, --json and --compact.")
    if not (once or as_json or compact) and sys.stdin.isatty() and sys.stdout.isatty():
        from clauditor.ui.top.run import run_top

        run_top(settings, urls, rings=not no_bell)
        return
    from clauditor.cli.once import print_compact, print_once, print_snapshots

    if compact:
        print_compact(settings, urls)
    elif as_json:
        print_snapshots(settings, urls)
    else:
        print_once(settings, urls)


@click.command()
@settings_options("token_file")
@url_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@click.option("--days", type=click.IntRange(1, 3650), help="Active in the last so many days.")
@click.option(
    "--search", metavar="TEXT", help="Found in label, project, branch or model, or the id begins with it."
)
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--model", metavar="TEXT", help="Only where the model's id has this in it: opus.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--verdict", type=click.Choice(LEVELS), help="Only where this was the worst there ever was.")
@click.option("--signal", metavar="NAME", help="Only where this signal holds or ever held: tool_loop.")
@click.option(
    "--sort", type=click.Choice(SORTS), help="What comes first: the most of this.  [default: activity]"
)
@json_option
def sessions(settings: Settings, url: str | None, as_json: bool, **asked: Any) -> None:
    """List sessions, live and past, newest activity first unless `--sort` says otherwise."""
    # Asked as it is: the answer also tells when the past could not be read.
    answer = listing_client(settings, url).ask("/api/v1/sessions", asked)
    if as_json:
        print_json(answer)
        return
    from clauditor.ui.views.fields import text_of
    from clauditor.ui.views.listing import session_list
    from clauditor.ui.views.snapshot import session_view

    if problem := text_of(answer.get("history_problem")):
        complain(problem)
    views = [session_view(shot) for shot in objects(answer.get("sessions"))]
    if not views:
        click.echo("No session found.")
        return
    scene = scene_of(views)
    print_lines(session_list(views, scene, terminal_width()))


@click.command()
@settings_options("token_file")
@url_option
@click.argument("session_id", metavar="ID")
@json_option
def show(settings: Settings, url: str | None, session_id: str, as_json: bool) -> None:
    """Everything about one session: its agents, its tools, its calls one by one.

    ID is a session's id or its beginning, at least four characters.
    """
    sidecar = listing_client(settings, url)
    about = sidecar.session(session_id)
    if as_json:
        print_json(about)
        return
    from clauditor.ui.views.snapshot import session_view
    from clauditor.ui.views.story import session_lines
    from clauditor.ui.views.turns import Calls, side_calls, turn_views

    session = session_view(about)
    try:
        turns = sidecar.turns(session.session_id)
    except ClauditorError:
        calls = None  # the session is live, its past cannot be read; the view says so
    else:
        calls = Calls(turns=turn_views(turns), side_calls=side_calls(about))
    scene = scene_of([session])
    print_lines(session_lines(session, calls, scene, terminal_width()))


def listing_client(settings: Settings, url: str | None) -> SidecarClient:
    """A client that waits for a sidecar that is being restarted."""
    from clauditor.client import RESTART_SECONDS, connect

    return connect(settings, url, retry_seconds=RESTART_SECONDS)


def objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def scene_of(views: Sequence[SessionView]) -> Scene:
    """Now, here."""
    from clauditor.ui.clock import local_zone, now
    from clauditor.ui.views.cells import Scene

    at = now()
    return Scene(now=at, zone=local_zone(at), all_estimated=all(view.estimated for view in views))


def terminal_width() -> int:
    """The terminal's width (COLUMNS counts); 80 where there is none."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def print_lines(lines: Sequence[Line]) -> None:
    from clauditor.ui.views.screen import plain_text

    click.echo(plain_text(lines), nl=False)


def print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))
