"""spend: what was spent by day, project, branch or model."""

from __future__ import annotations

import click

from clauditor.cli.options import settings_options
from clauditor.cli.view import (
    json_option,
    listing_client,
    print_json,
    print_lines,
    terminal_width,
    url_option,
)
from clauditor.config import Settings


@click.command()
@settings_options("token_file")
@url_option
@click.option(
    "--by",
    type=click.Choice(("day", "project", "branch", "model")),
    default="day",
    show_default=True,
    help="What a line stands for.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="The last so many days."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def spend(settings: Settings, url: str | None, by: str, days: int, as_csv: bool, as_json: bool) -> None:
    """What was spent, and on what.

    Days are local, and today is one of them.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other.")
    answer = listing_client(settings, url).spend(by=by, days=days)
    if as_json:
        print_json(answer)
        return
    from clauditor.ui.views.spend import spent_csv, spent_lines, spent_table

    table = spent_table(answer)
    if as_csv:
        click.echo(spent_csv(table), nl=False)
    elif not table.rows:
        click.echo("Nothing was recorded in this time.")
    else:
        print_lines(spent_lines(table, terminal_width()))
