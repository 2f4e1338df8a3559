"""up, down, status, serve: what starts and stops things, and says what runs."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from clauditor import __version__
from clauditor.cli.options import SIDECAR, STACK, settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy.stack import Stack, Started
from clauditor.proxy.status import Part, Status
from clauditor.text import label

NAMES_SHOWN: Final = 5
NAME_CELLS: Final = 40


@click.command()
@settings_options(*STACK, *SIDECAR)
@click.option("--foreground", is_flag=True, help="Stay until stopped (for service units and containers).")
@click.option("--detach", is_flag=True, help="Return when everything runs (the default).")
def up(settings: Settings, foreground: bool, detach: bool) -> None:
    """Start Envoy and the sidecar, and return when both serve.

    What runs already is left alone. Ports that gave way to other programs are kept for the next start. Clients reach the proxy through `clauditor run` or `clauditor env`.
    """
    if foreground and detach:
        raise click.UsageError("--foreground and --detach exclude each other.")
    began = time.monotonic()
    stack = Stack(settings)
    if foreground:
        stack.run_in_foreground(lambda started: _say_ready(started, settings, time.monotonic() - began))
        return
    try:
        started = stack.start(check_upstream=True)
    except KeyboardInterrupt:
        runs = stack.status().anything_runs
        ending = "but it runs; to stop it: clauditor down" if runs else "nothing runs here"
        click.echo(f"clauditor: Interrupted, {ending}.", err=True)
        raise
    if started.already:
        plan = started.plan
        live = len(_live_sessions(settings))
        parts = f"proxy {plan.port}, sidecar {plan.api_port}, {live} session{'' if live == 1 else 's'}"
        click.echo(f"clauditor already runs here ({parts}). clauditor top shows it.")
    else:
        _say_ready(started, settings, time.monotonic() - began)


@click.command()
@settings_options(problems="say")
@click.option("--yes", is_flag=True, help="Stop also while sessions use the proxy.")
def down(settings: Settings, yes: bool) -> None:
    """Stop the sidecar and Envoy; nothing stays running.

    A session that still uses the proxy cannot reach the API afterwards, so that is asked first.
    """
    stack = Stack(settings)
    if not yes and (connections := stack.open_connections()):
        using = _using(settings, connections)
        if not sys.stdin.isatty():
            raise ClauditorError(
                f"{using}; they could not reach the API any more. To stop anyway: clauditor down --yes."
            )
        click.echo(f"{using}; they could not reach the API any more.")
        if not click.confirm("Stop anyway?"):
            click.echo("Nothing was stopped.")
            return
    stopped = stack.stop()
    click.echo("Stopped." if stopped else "Nothing runs here.")


@click.command()
@settings_options(problems="say")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Say what runs, and where; exit 1 if nothing does."""
    found = Stack(settings).status()
    click.echo(json.dumps(_status_json(found)) if as_json else _status_text(found))
    ctx.exit(0 if found.anything_runs else 1)


@click.command()
@settings_options("port", "api_port", *SIDECAR)
def serve(settings: Settings) -> None:
    """Run the sidecar in the foreground. `clauditor up` does this for you, and starts it again when it ends."""
    from clauditor import daemon

    os.umask(0o077)
    try:
        daemon.serve(settings)
    except ClauditorError:
        raise
    except Exception:
        logging.getLogger(__name__).exception("the sidecar failed")  # its log is the place for the traceback
        raise


def _say_ready(started: Started, settings: Settings, seconds: float) -> None:
    plan = started.plan
    lines = [
        f"clauditor {__version__} ready in {seconds:.1f} s",
        *started.notes,
        "",
        f"  proxy     {plan.proxy_url} -> {plan.upstream}  (Envoy {plan.envoy_version}, pid {started.proxy_pid})",
    ]
    if started.reach is not None and started.reach.ok:
        lines.append(f"  upstream  {started.reach.text}")
    lines += [
        f"  sidecar   {plan.api_url}  (pid {started.sidecar_pid})   data {_short(settings.data_dir)}",
        "",
        "Next, one of",
        "  clauditor run claude         one session, no file is changed",
        '  eval "$(clauditor env)"      every session of this shell',
        "then",
        "  clauditor top                (nothing to watch yet? clauditor demo)",
        "",
        "Stop: clauditor down.",
    ]
    click.echo("\n".join(lines))
    if started.reach is not None and not started.reach.ok:
        click.echo(f"\n{started.reach.text}", err=True)


def _using(settings: Settings, connections: int) -> str:
    """Who uses the proxy, in words: how many connections, and the names of the sessions that may own them."""
    plural = "s" if connections > 1 else ""
    words = f"{connections} client connection{plural} still use{'' if plural else 's'} the proxy"
    names = [_name(session) for session in _live_sessions(settings)]
    if not names:
        return words
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{words} ({', '.join(names[:NAMES_SHOWN])}{more})"


def _live_sessions(settings: Settings) -> list[dict[str, Any]]:
    """Sessions that have not ended, newest first; none if the sidecar cannot tell."""
    from clauditor.client import connect

    try:
        sessions = connect(settings).sessions(limit=200)
    except ClauditorError:
        return []
    return [session for session in sessions if session.get("ended_at") is None]


def _name(session: dict[str, Any]) -> str:
    words = [str(session[key]) for key in ("project", "label") if session.get(key)]
    return label(" ".join(words) or str(session.get("session_id", "?"))[:8], NAME_CELLS)


def _status_json(found: Status) -> dict[str, object]:
    def part(it: Part) -> dict[str, object]:
        return {"url": it.url, "pid": it.pid, "state": it.state}

    return {
        "proxy": part(found.proxy),
        "sidecar": part(found.sidecar),
        "upstream": found.upstream,
        "data_dir": str(found.data_dir),
        "version": found.version,
        "envoy_version": found.envoy_version,
    }


def _status_text(found: Status) -> str:
    def part(it: Part) -> str:
        return it.state if it.pid is None else f"{it.state:<10} {it.url}  (pid {it.pid})"

    if not found.anything_runs:
        return f"Nothing runs for {_short(found.data_dir)}. Start: clauditor up"
    return "\n".join(
        (
            f"proxy     {part(found.proxy)} -> {found.upstream}",
            f"sidecar   {part(found.sidecar)}",
            f"data      {_short(found.data_dir)}",
            f"version   clauditor {found.version}, Envoy {found.envoy_version or 'unknown'}",
        )
    )


def _short(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
