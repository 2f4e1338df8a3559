"""doctor: what is in order and what is not, and a drill that proves that nothing stands in the way."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clauditor.cli.options import settings_options
from clauditor.cli.view import json_option, print_json, terminal_width
from clauditor.config import Settings

if TYPE_CHECKING:
    from clauditor.setup.doctor.report import Report

COLOURS: Final = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command()
@settings_options("token_file", problems="leave")
@click.option("-v", "--verbose", is_flag=True, help="Say more about each.")
@click.option(
    "--drill", is_flag=True, help="Kill and stop a private copy of everything, and see what a client feels."
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, settings: Settings, verbose: bool, drill: bool, as_json: bool) -> None:
    """Check every link from Claude Code to the API, and say what to do about what is broken.

    It looks and changes nothing, and sends nothing but one TLS handshake to the upstream. A note is worth knowing;
    a problem is broken, and makes the exit code 1.

    `--drill` takes half a minute: a throw-away proxy and sidecar between pretend clients and a pretend vendor, all on
    this machine, are killed and stopped while answers stream. Your own sessions are not touched.
    """
    if drill:
        found, figures = _drilled(settings, quiet=as_json or not sys.stderr.isatty())
    else:
        found, figures = _examined(settings), {}
    if as_json:
        from clauditor.setup.doctor.report import as_json as in_json

        print_json(in_json(found) | figures)
    else:
        _print(found, verbose=verbose)
    ctx.exit(1 if found.problems else 0)


def _examined(settings: Settings) -> Report:
    from clauditor.setup.doctor.gather import gather
    from clauditor.setup.doctor.look.scene import Scene
    from clauditor.setup.doctor.report import examine
    from clauditor.ui.clock import now

    scene = Scene(settings=settings, environ=os.environ, directory=Path.cwd(), home=Path.home(), now=now())
    return examine(gather(scene))


def _drilled(settings: Settings, *, quiet: bool) -> tuple[Report, dict[str, Any]]:
    from clauditor.setup.doctor.drill.faults import drill as run_drill
    from clauditor.setup.doctor.drill.outcome import figures, findings
    from clauditor.setup.doctor.report import Entry, Report

    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: everything private is ended first
        signal.signal(number, signal.default_int_handler)
    outcome = run_drill(os.environ, settings.envoy, _silent if quiet else _say)
    entries = tuple(Entry(name=name, topic="drill", finding=one) for name, one in findings(outcome))
    return Report(entries=entries), {"drill": figures(outcome)}


def _say(phase: str) -> None:
    click.echo(f"{phase} ...", err=True)


def _silent(_phase: str) -> None:
    pass


def _print(report: Report, *, verbose: bool) -> None:
    from clauditor.setup.doctor.report import lines

    colour = False if os.environ.get("NO_COLOR") else None  # None: only on a terminal
    for line in lines(report, terminal_width(), verbose=verbose):
        click.secho(line.text, color=colour, fg=COLOURS.get(line.level or ""), bold=line.level is None)
