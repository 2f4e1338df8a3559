"""watch: what happens, as lines; or in tmux, one pane a session."""

from __future__ import annotations

import click

from clauditor.cli.completion import session_ids
from clauditor.cli.options import settings_options
from clauditor.cli.view import url_option
from clauditor.config import Settings

MAX_PANES = 8
MOST_PANES = 32  # each reads the live stream, which has room for 64 readers


@click.command()
@settings_options("token_file")
@url_option
@click.option(
    "--session",
    metavar="ID",
    shell_complete=session_ids,
    help="Only this session: its id, the beginning of it (4 characters or more), or all of a project by its name.",
)
@click.option("--signals-only", is_flag=True, help="Only signals: what needs you, and when it is over.")
@click.option("--json", "as_json", is_flag=True, help="Print every event as a line of JSON.")
@click.option("--no-bell", is_flag=True, help="Do not ring for new signals.")
@click.option("--tmux", "in_tmux", is_flag=True, help="One tmux pane a session, and top above them.")
@click.option(
    "--max-panes",
    type=click.IntRange(1, MOST_PANES),
    default=MAX_PANES,
    show_default=True,
    help="With --tmux: at most so many sessions.",
)
def watch(
    settings: Settings,
    url: str | None,
    session: str | None,
    *,
    signals_only: bool,
    as_json: bool,
    no_bell: bool,
    in_tmux: bool,
    max_panes: int,
) -> None:
    """What happens in your sessions, one line an event. Ctrl-C ends it.

    Prompts, answers with tokens and cost, tools, retries, compactions, cache rebuilds, signals and gaps. The client's
    own small calls are left out; --json has them too. In a pipe there are no colours and no line is cut.
    """
    if in_tmux:
        if as_json:
            raise click.UsageError("--json and --tmux exclude each other.")
        from clauditor.ui.watch.tmux_watch import run_tmux_watch

        run_tmux_watch(
            settings,
            url,
            session=session,
            signals_only=signals_only,
            rings=not no_bell,
            max_panes=max_panes,
        )
        return
    from clauditor.ui.watch.run import run_watch

    run_watch(settings, url, session=session, signals_only=signals_only, as_json=as_json, rings=not no_bell)
