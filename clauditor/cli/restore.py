"""restore: a SQLite copy that `export` made takes the place of the history."""

from __future__ import annotations

from pathlib import Path

import click

from clauditor.cli.asking import ask
from clauditor.cli.options import settings_options
from clauditor.config import Settings

CHANGED = "Not all of it is as Clauditor wrote it: another program, or the disk, changed it, and numbers may be wrong."


@click.command()
@settings_options("token_file", problems="say")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(settings: Settings, file: Path, yes: bool) -> None:
    """Put FILE, a copy that `clauditor export --sqlite` made, in the place of the history.

    It is copied and looked at first, and brought to the newest form; what is no sound history changes nothing. The
    history of before is kept beside it until `clauditor purge`. Sessions that are live go on in the restored one.
    """
    from clauditor.cli.purge import WAIT_SECONDS, on_the_sidecar_or
    from clauditor.proxy.rundir import RunDir
    from clauditor.store.copying import discard
    from clauditor.store.restoring import prepare, take_over

    database = settings.data_dir / "clauditor.db"
    RunDir(settings.data_dir).prepare()
    try:
        prepared = prepare(file, database)
        if not yes:
            as_it_stands = "" if prepared.is_as_written else f" {CHANGED}"
            ask(
                f"{file} holds {prepared.sessions} sessions.{as_it_stands} Put it in the place of {database}?"
            )
        replaced = on_the_sidecar_or(
            settings,
            lambda sidecar: sidecar.post("/api/v1/restore", {}, WAIT_SECONDS).get("replaced"),
            lambda writer: writer.perform(take_over).result(WAIT_SECONDS),
        )
    finally:
        discard(database)
    before = f"; what was before is in {replaced}" if replaced else ""
    click.echo(
        f"Restored {prepared.sessions} sessions from {file}{before}.{'' if prepared.is_as_written else f' {CHANGED}'}"
    )
