"""What a command asks before it does what cannot be undone."""

from __future__ import annotations

import sys

import click

from clauditor.errors import ClauditorError


def ask(question: str) -> None:
    """Go on only after a yes; raises ClauditorError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ClauditorError("This asks first; without a terminal, give --yes.")
    if not click.confirm(question):
        click.echo("Nothing was changed.")
        sys.exit(0)
