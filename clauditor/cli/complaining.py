"""The one way in which a command says on the standard error what is wrong: a clean line, whatever it quotes."""

from __future__ import annotations

import click


def complain(sentence: str) -> None:
    """Say one sentence; names in it may come from outside."""
    from clauditor.text import clean

    click.echo(f"clauditor: {clean(sentence)}", err=True)
