"""service: let systemd start the stack, and start it again."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import click

from clauditor.cli.options import STACK, settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.setup import service as unit

DRY_RUN = "Show what would be done, and do nothing."


@click.group()
def service() -> None:
    """Let systemd start Clauditor when you log in, and again if it should ever fail."""


@service.command()
@settings_options(*STACK)
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help=DRY_RUN)
def install(settings: Settings, *, yes: bool, dry_run: bool) -> None:
    """Write a systemd user unit, enable and start it. Sessions that go through a running proxy notice nothing.

    The options are those of `clauditor up`; without any, the unit starts what `clauditor up` has started last.
    """
    unit.require_systemd()
    path = unit.unit_path(os.environ)
    text = unit.unit_text(unit.start_command(settings), os.environ)
    is_there = unit.existing(path) == text
    if dry_run:
        click.echo(f"# {path}{' (is there already)' if is_there else ''}\n{text}")
        click.echo(f"# then: systemctl --user daemon-reload; systemctl --user enable --now {unit.UNIT}")
        return
    if not is_there:
        _ask(f"This writes {path} and starts it with systemctl --user.", yes=yes)
        unit.write(path, text)
        click.echo(f"Written: {path}")
    refusal = unit.systemctl("daemon-reload") or unit.systemctl("enable", "--now", unit.UNIT)
    if refusal is not None:
        raise ClauditorError(
            f"The unit is there, but systemd does not start it ({refusal.rstrip('.')}); "
            f"when it can: systemctl --user daemon-reload && systemctl --user enable --now {unit.UNIT}"
        )
    click.echo("systemd keeps Clauditor running while you are logged in.")
    click.echo(f"From boot on, logged in or not: loginctl enable-linger {getpass.getuser()}")


@service.command()
@settings_options(problems="say")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help=DRY_RUN)
def uninstall(settings: Settings, *, yes: bool, dry_run: bool) -> None:  # noqa: ARG001 - as every command takes them
    """Remove the unit. What runs now goes on until `clauditor down`."""
    unit.require_systemd()
    path = unit.unit_path(os.environ)
    if unit.existing(path) is None:
        click.echo("No unit of Clauditor's is installed.")
        return
    if dry_run:
        click.echo(f"# would remove {path}\n# after: systemctl --user disable {unit.UNIT}")
        return
    _ask(f"This removes {path}.", yes=yes)
    refusal = unit.systemctl("disable", unit.UNIT)
    _forget_start(path)
    unit.remove(path)
    if refusal is None:
        unit.systemctl("daemon-reload")
    click.echo("Removed. What runs now goes on until: clauditor down")


def _forget_start(path: Path) -> None:
    """Take away what `enable` has made, also where systemd does not answer."""
    unit.remove(path.parent / "default.target.wants" / path.name)


def _ask(plan: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ClauditorError(f"{plan} To do so without being asked: --yes")
    click.echo(plan)
    if not click.confirm("Go on?"):
        raise click.exceptions.Abort
