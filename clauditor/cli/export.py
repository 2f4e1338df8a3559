"""export: what was recorded, as JSON Lines, CSV or a copy of the SQLite file; read from the file, whoever runs."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from clauditor.cli.options import settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError, HistoryError

if TYPE_CHECKING:
    from clauditor.store.exporting import Wanted

KINDS = (
    "session",
    "call",
    "tool_call",
    "signal",
    "gap",
    "limit",
    "day",
)  # as clauditor.store.exporting knows them
DAY_SECONDS = 86_400.0


@click.command()
@settings_options(problems="say")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--csv", "as_csv", is_flag=True, help="One kind of rows as CSV instead of JSON Lines.")
@click.option("--sqlite", "as_sqlite", is_flag=True, help="A copy of the whole database; needs FILE.")
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True,
    help="Only such rows; may be repeated.  [default: all, with --csv call]",
)  # fmt: skip
@click.option(
    "--days", type=click.IntRange(1, 3650), help="Only of sessions active in the last so many days."
)
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--session", "session_id", metavar="ID", help="Only of this session: its id or its beginning.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def export(
    settings: Settings,
    file: Path | None,
    as_csv: bool,
    as_sqlite: bool,
    kinds: tuple[str, ...],
    days: int | None,
    project: str | None,
    session_id: str | None,
    force: bool,
) -> None:
    """Write what was recorded to FILE, which only you can read, or without FILE to the output.

    A row has the `kind` it is of, and times in Unix seconds. It holds what docs/privacy.md lists, and never a prompt or
    an answer. It is as of half a second ago, whether Clauditor runs or not.
    """
    if as_csv and as_sqlite:
        raise click.UsageError("Choose one of --csv and --sqlite.")
    if as_sqlite and (kinds or days or project or session_id):
        raise click.UsageError(
            "A --sqlite copy is always whole; leave out --kind, --days, --project and --session."
        )
    if as_sqlite and (file is None or str(file) == "-"):
        raise click.UsageError("--sqlite needs a FILE.")
    if as_csv and len(kinds) > 1:
        raise click.UsageError("CSV has one --kind of rows; use one FILE for each.")
    database = settings.data_dir / "clauditor.db"
    if not database.exists():
        raise ClauditorError(f"Nothing was recorded in {settings.data_dir} yet.")
    target = None if file is None or str(file) == "-" else file
    try:
        if as_sqlite and target is not None:
            from clauditor.store.exporting import copy

            with _replacing(target, force=force) as beside:
                copy(database, beside)
            return
        with _output(target, force=force) as output:
            wanted = _wanted(database, days, project, session_id)
            _write(output, database, kinds or (("call",) if as_csv else KINDS), wanted, as_csv=as_csv)
    except (HistoryError, ValueError, LookupError) as error:
        raise ClauditorError(f"The history cannot be read ({error}); clauditor doctor says more.") from error


def _wanted(database: Path, days: int | None, project: str | None, given: str | None) -> Wanted:
    from clauditor.store.exporting import Wanted
    from clauditor.ui.clock import now

    session_id = None if given is None else one_session(database, given)
    since = None if days is None else now() - days * DAY_SECONDS
    return Wanted(since=since, project=project, session_id=session_id)


def one_session(database: Path, given: str) -> str:
    """The whole id of the session that is meant by its beginning. Raises ClauditorError, HistoryError."""
    from clauditor.store.exporting import session_ids

    found = session_ids(database, given)
    if len(found) > 1:
        raise ClauditorError(f"More than one session begins with {given!r}; give more of the id.")
    if not found:
        raise ClauditorError(f"There is no session {given!r}; clauditor sessions lists them.")
    return found[0]


def _write(output: IO[str], database: Path, kinds: tuple[str, ...], wanted: Wanted, *, as_csv: bool) -> None:
    from clauditor.store import exporting

    table: csv.DictWriter[str] | None = None
    for kind, row in exporting.rows(database, tuple(k for k in exporting.KINDS if k in kinds), wanted):
        if not as_csv:
            output.write(json.dumps({"kind": kind} | row, ensure_ascii=True) + "\n")
            continue
        if table is None:
            table = csv.DictWriter(output, list(row), lineterminator="\n")
            table.writeheader()
        table.writerow({name: _harmless(value) for name, value in row.items()})


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )


@contextlib.contextmanager
def _output(target: Path | None, *, force: bool) -> Iterator[IO[str]]:
    if target is None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:  # no pager may hold the database open
            yield waiting
            waiting.seek(0)
            shutil.copyfileobj(waiting, sys.stdout)
        return
    with _replacing(target, force=force) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            yield output


@contextlib.contextmanager
def _replacing(target: Path, *, force: bool) -> Iterator[Path]:
    """A name beside the target that takes its place at the end, if all went well."""
    if os.path.lexists(target) and not force:
        raise ClauditorError(f"{target} is there already; choose another name, or --force to replace it.")
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield beside
        if not force and os.path.lexists(target):
            raise ClauditorError(f"{target} came to be there meanwhile and was left alone.")
        beside.replace(target)
    except OSError as error:
        raise ClauditorError(f"Cannot write {target} ({error.strerror}); choose another place.") from error
    finally:
        beside.unlink(missing_ok=True)
