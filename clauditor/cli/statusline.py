"""statusline: what Claude Code itself starts. `__main__` runs it without click, for speed."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def statusline(arguments: tuple[str, ...]) -> None:
    """Print one line for Claude Code's status line; `clauditor install` sets it up.

    Claude Code gives it a JSON object on stdin. Takes --data-dir, --config and --url, and --wrap CMD: run the
    status line command you had before, and print this line below what it prints.
    """
    from clauditor.ui.statusline import main

    main(arguments)
