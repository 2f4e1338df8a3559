"""web: open the live page in a browser, with a code that is good once.

The code stands in the browser's arguments, which others on the machine may read: so it is no secret that lasts.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import click

from clauditor.cli.options import settings_options
from clauditor.cli.view import listing_client, url_option
from clauditor.config import Settings

_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@click.command()
@settings_options("token_file")
@url_option
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
def web(settings: Settings, url: str | None, only_print: bool) -> None:
    """Open the live page in your browser: sessions, history, limits.

    The address is good once, within a minute; the page stays open as long as you like.
    """
    address = listing_client(settings, url).page_url()
    if only_print:
        click.echo(address)
    elif has_screen(os.environ, sys.platform) and webbrowser.open(address):
        click.echo("The page opens in your browser. If it does not: clauditor web --print")
    else:
        port = urlsplit(address).port or 9091
        click.echo(f"Open this within a minute, it works once:\n  {address}")
        click.echo(
            f"From another machine, first there: ssh -N -L {port}:127.0.0.1:{port} THIS-MACHINE", err=True
        )


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser could show itself: a text browser would take this terminal instead."""
    return platform == "darwin" or any(environ.get(name) for name in _SCREENS)
