"""next: from wherever you are to the session that needs you most."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from clauditor.cli.options import settings_options
from clauditor.cli.view import listing_client, url_option
from clauditor.config import Settings
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from clauditor.ui.jump import Spot, Terminal
    from clauditor.ui.views.session import SessionView

LIMIT = 1000  # sessions that are asked for: all that an answer holds


@click.command("next")
@settings_options("token_file")
@url_option
@click.option("--print", "only_print", is_flag=True, help="Only say which one, go nowhere.")
def next_(settings: Settings, url: str | None, only_print: bool) -> None:
    """Go to the session that needs you most: your tmux client moves to its pane.

    If you are there already, to the one after it. For a key of tmux: bind-key N run-shell 'clauditor next >/dev/null'
    """
    from clauditor.ui.jump import find_spot, jump

    waiting = in_need(listing_client(settings, url).sessions(limit=LIMIT))
    if not waiting:
        click.echo("No session needs you.")
        return
    places = [(session, terminal, find_spot(terminal, os.environ)) for session, terminal in waiting]
    session, terminal, spot = next(
        (place for place in places if place[2] is None or not place[2].is_shown), places[0]
    )
    told = sentence(session, terminal, spot)
    if only_print:
        click.echo(f"{told}.")
    elif spot is None:
        raise ClauditorError(f"{told}; go to its terminal yourself, clauditor cannot.")
    elif not spot.is_shown and not jump(spot):
        raise ClauditorError(f"{told}; tmux refuses to go there, go yourself.")
    elif spot.client is None:
        click.echo(f"{told}; no terminal shows that tmux session now: tmux attach.")
    else:
        click.echo(f"{told}; it is in front of you.")


def in_need(snapshots: Sequence[object]) -> list[tuple[SessionView, Terminal]]:
    """Live sessions that ask for something and are not muted, in the order of every screen."""
    from clauditor.ui.jump import terminal_of
    from clauditor.ui.views.snapshot import session_view
    from clauditor.ui.views.words import level

    shots: list[Mapping[str, Any]] = [shot for shot in snapshots if isinstance(shot, Mapping)]
    found = [(session_view(shot), terminal_of(shot)) for shot in shots]
    asking = [one for one in found if level(one[0]) in ("act", "watch") and one[0].ended_at is None]
    return sorted(asking, key=lambda one: (-one[0].attention, one[0].state_since or 0.0, one[0].session_id))


def sentence(session: SessionView, terminal: Terminal, spot: Spot | None) -> str:
    """`webshop: fix login test (tmux work:2.1): Claude asks for your ok to run Bash`."""
    from clauditor.ui.views.words import full_name

    if spot is not None:
        where = f"tmux {spot.name}"
    else:
        where = f"{terminal.tty}, in no tmux" if terminal.tty else "terminal not known"
    reason = session.verdict.reason.removesuffix(".") if session.verdict is not None else ""
    return f"{full_name(session)} ({where}){reason and f': {reason}'}"
