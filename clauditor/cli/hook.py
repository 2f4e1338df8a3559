"""hook: what Claude Code itself starts. Nobody types it; `__main__` runs it without click."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def hook(arguments: tuple[str, ...]) -> None:
    """Tell the sidecar of one hook of Claude Code, whose JSON comes on stdin; `clauditor install` sets it up.

    Says nothing and succeeds, whatever happens. Takes --data-dir, --config and --url.
    """
    from clauditor.hooks.command import main

    main(arguments)
