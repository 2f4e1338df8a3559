"""purge: what was recorded be gone for good, through the sidecar that runs or, where none does, on the file itself."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clauditor.cli.asking import ask
from clauditor.cli.options import settings_options
from clauditor.cli.view import json_option
from clauditor.config import Settings
from clauditor.errors import ClauditorError, HistoryError

if TYPE_CHECKING:
    from clauditor.store.purging import Purge
    from clauditor.store.writer import Writer

DAY_SECONDS = 86_400.0
MAX_DAYS = 36_500
WAIT_SECONDS = 300.0  # the largest history is written anew by then

T = TypeVar("T")


@click.command()
@settings_options("token_file", problems="say")
@click.option("--session", metavar="ID", help="One session: its id, or the beginning of it.")
@click.option("--project", metavar="NAME", help="Everything of this project, its sums by day included.")
@click.option("--older-than", "days", metavar="DAYS", type=float, help="All that is older.")
@click.option("--all", "everything", is_flag=True, help="The whole history.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def purge(
    settings: Settings,
    session: str | None,
    project: str | None,
    days: float | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make what was recorded be gone for good: says what would go, and asks.

    Rows are overwritten and the file is written anew, the log and the proxy's own log are emptied, and broken or replaced
    histories that were set aside go as well. A session that goes on is recorded anew from its next call. What an
    export, a backup or the disk itself still holds is beyond its reach.
    """
    if sum((session is not None, project is not None, days is not None, everything)) != 1:
        raise click.UsageError("Give exactly one of --session, --project, --older-than and --all.")
    if days is not None and not 0 <= days <= MAX_DAYS:
        raise click.UsageError(f"--older-than must be a number of days from 0 to {MAX_DAYS}.")
    database = settings.data_dir / "clauditor.db"
    if not database.exists():
        raise ClauditorError(f"Nothing was recorded in {settings.data_dir} yet.")
    what = {"session": session, "project": project, "older_than_days": days, "all": everything or None}
    body = {name: value for name, value in what.items() if value is not None}
    if not yes:
        ask(f"{_in_words(database, body)} This cannot be undone. Go on?")
    answer = on_the_sidecar_or(
        settings,
        lambda sidecar: sidecar.post("/api/v1/purge", body, WAIT_SECONDS),
        lambda writer: _directly(writer, settings, body),
    )
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(f"Gone: {_sessions(int(answer.get('sessions') or 0))}.")
    if answer.get("whole") is not True:
        raise ClauditorError("A program still held a file with traces of it; run the same again in a minute.")


def on_the_sidecar_or(settings: Settings, asked: Callable[[Any], T], directly: Callable[[Writer], T]) -> T:
    """Let the sidecar that serves this data directory do it, or where there is none the writer of our own."""
    from clauditor.client import RESTART_SECONDS, connect
    from clauditor.proxy import locks
    from clauditor.proxy.rundir import RunDir

    rundir = RunDir(settings.data_dir)
    rundir.prepare()
    try:
        descriptor = locks.hold(rundir.sidecar_lock)
    except BlockingIOError:
        return asked(connect(settings, retry_seconds=RESTART_SECONDS))
    try:
        with _own_writer(settings.data_dir / "clauditor.db") as writer:
            return directly(writer)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _own_writer(path: Path) -> Iterator[Writer]:
    from clauditor.store.retention import Retention
    from clauditor.store.writer import Writer

    writer = Writer(path, Retention())
    writer.start()
    try:
        if writer.problem is not None:
            raise ClauditorError(writer.problem)
        yield writer
    except (HistoryError, OSError) as error:
        raise ClauditorError(
            f"Not all of it could be done ({error}); see to that, and run the same again."
        ) from error
    finally:
        writer.close(WAIT_SECONDS)


def _directly(writer: Writer, settings: Settings, body: dict[str, Any]) -> dict[str, Any]:
    from clauditor.proxy.envoy import Admin
    from clauditor.proxy.rundir import RunDir
    from clauditor.store.purging import purge as remove

    what = _meant(writer.path, body)
    purged = writer.perform(lambda own: remove(own, what)).result(WAIT_SECONDS)
    rundir = RunDir(settings.data_dir)
    for log in (rundir.access_log, rundir.access_log.with_suffix(".log.1"), rundir.access_log_position):
        log.unlink(missing_ok=True)
    for admin in (rundir.old_admin_socket, rundir.admin_socket):  # an Envoy whose sidecar is away writes on
        Admin(admin).reopen_logs()
    return {"schema_version": 1, "sessions": purged.sessions, "whole": purged.is_whole}


def _meant(database: Path, body: dict[str, Any]) -> Purge:
    from clauditor.cli.export import one_session
    from clauditor.store.purging import Purge
    from clauditor.ui.clock import now

    days = body.get("older_than_days")
    session = body.get("session")
    return Purge(
        session_ids=frozenset() if session is None else frozenset({one_session(database, session)}),
        project=body.get("project"),
        before=None if days is None else now() - days * DAY_SECONDS,
        everything=body.get("all") is True,
    )


def _in_words(database: Path, body: dict[str, Any]) -> str:
    """What would go, from the file as it is."""
    from clauditor.store.aside import set_aside
    from clauditor.store.database import reading_file
    from clauditor.store.purging import matching

    try:
        what = _meant(database, body)
        with reading_file(database) as db:
            found = _sessions(len(matching(db, what)))
    except HistoryError:
        found = "what cannot be read any more"
    aside = len(set_aside(database))
    too = f", and {aside} {'history' if aside == 1 else 'histories'} set aside" if aside else ""
    return f"{found[:1].upper()}{found[1:]} of {database}{too} will be gone, and the proxy's log."


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
