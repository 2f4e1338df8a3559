"""token: put a new secret in the place of the one that opens the API."""

from __future__ import annotations

import click

from clauditor.cli.options import settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError


@click.group()
def token() -> None:
    """The secret that opens the API, in the data directory's file `token`."""


@token.command()
@settings_options("token_file", problems="say")
def rotate(settings: Settings) -> None:
    """Make a new token. From then on the old one opens nothing, and neither does any page it let in.

    A running Clauditor takes it over at once: nothing is restarted, no session is touched. Clauditor's own commands,
    hooks and Prometheus read the file, so they go on; what keeps a copy of the old token needs the new one.
    """
    from clauditor.proxy import locks
    from clauditor.proxy.rundir import RunDir
    from clauditor.token_file import MIN_TOKEN_LENGTH, rotate_token

    if settings.token_file is not None:
        raise ClauditorError(
            f"{settings.token_file} is kept by you: write another secret of at least {MIN_TOKEN_LENGTH} letters "
            "to it, and a running Clauditor takes it over within a second."
        )
    if not settings.data_dir.is_dir():
        raise ClauditorError(f"There is no {settings.data_dir} yet; clauditor up makes it, with a token.")
    path = settings.data_dir / "token"
    rotate_token(path)
    click.echo(f"A new token is in {path}.")
    if locks.holder(RunDir(settings.data_dir).sidecar_lock) is None:
        click.echo("Clauditor does not run here; it begins with this one.")
        return
    _see_it_taken_over(settings)
    click.echo("Clauditor took it over; the old one opens nothing any more. Open pages need: clauditor web")


def _see_it_taken_over(settings: Settings) -> None:
    """Ask with the new token, which also makes the sidecar end what the old one has opened. Raises ClauditorError."""
    from clauditor.client import RESTART_SECONDS, connect

    try:
        connect(settings, retry_seconds=RESTART_SECONDS).ask("/api/v1/openapi.json")
    except ClauditorError as error:
        raise ClauditorError(
            f"The Clauditor that runs did not take it over ({str(error).rstrip('.')}); "
            "end the old token: clauditor down, then clauditor up"
        ) from error
