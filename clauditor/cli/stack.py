"""up, down, status, serve: what starts and stops things, and says what runs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from pathlib import Path

import click

from clauditor.cli import stack_words as words
from clauditor.cli.complaining import complain
from clauditor.cli.options import SIDECAR, STACK, settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy.client_env import settings_base_url, settings_obstacle
from clauditor.proxy.plan import url
from clauditor.proxy.prepare import HOST
from clauditor.proxy.stack import Stack, Started
from clauditor.setup.switch import NOTICE_SECONDS, Switched, go_direct, go_through


@click.command()
@settings_options(*STACK, *SIDECAR)
@click.option("--foreground", is_flag=True, help="Stay until stopped (for service units and containers).")
@click.option("--take-over", is_flag=True, help="With --foreground: keep running what an earlier up started.")
@click.option("--detach", is_flag=True, help="Return when everything runs (the default).")
def up(settings: Settings, *, foreground: bool, take_over: bool, detach: bool) -> None:
    """Start Envoy and the sidecar, and return when both serve.

    What runs already is left alone, unless other options are given: then the new proxy takes the place of the old one, which ends with its last answer. Ports that gave way to other programs are kept for the next start. Clients reach the proxy through `clauditor install`, `clauditor run` or `clauditor env`.
    """
    if foreground and detach:
        raise click.UsageError("--foreground and --detach exclude each other.")
    if take_over and not foreground:
        raise click.UsageError("--take-over needs --foreground.")
    began = time.monotonic()
    stack = Stack(settings)

    def say(started: Started) -> None:
        seconds = time.monotonic() - began
        switched = go_through(settings.data_dir, started.plan.proxy_url, started.plan.upstream, undo="down")
        click.echo(
            words.already(started, settings) if started.already else words.ready(started, settings, seconds)
        )
        if started.reach is not None and not started.reach.ok:
            click.echo(f"\n{started.reach.text}", err=True)
        for sentence in words.troubles(stack.status()):
            complain(sentence)
        _say_switched(switched, words.THROUGH)

    def say_if_anybody_reads(started: Started) -> None:
        with contextlib.suppress(BrokenPipeError):  # as in: up --foreground | head -1
            say(started)

    def send_direct() -> None:
        _send_direct(settings)

    if foreground:
        stack.run_in_foreground(say_if_anybody_reads, ending=send_direct, take_over=take_over)
        return
    _refuse_another_gateway(stack, settings)
    try:
        started = stack.start(check_upstream=True, may_replace=True)
    except KeyboardInterrupt:
        runs = stack.status().anything_runs
        ending = "but it runs; to stop it: clauditor down" if runs else "nothing runs here"
        complain(f"Interrupted, {ending}.")
        raise
    say(started)


@click.command()
@settings_options(problems="say")
@click.option("--yes", is_flag=True, help="Stop also while sessions use the proxy.")
def down(settings: Settings, *, yes: bool) -> None:
    """Send Claude Code directly to the API again, then stop the sidecar and Envoy; nothing stays running.

    A session with an answer under way would lose it, so that is asked first.
    """
    stack = Stack(settings)
    if not yes and (connections := stack.open_connections()):
        using = words.using(settings, connections)
        if not sys.stdin.isatty():
            raise ClauditorError(
                f"{using}; an answer under way would be cut off. To stop anyway: clauditor down --yes."
            )
        click.echo(f"{using}; an answer under way would be cut off.")
        if not click.confirm("Stop anyway?"):
            click.echo("Nothing was stopped.")
            return
    if _send_direct(settings).problems and not yes:
        raise ClauditorError(
            "Nothing was stopped, because Claude Code would still look for the proxy. "
            "Mend that, or stop all the same: clauditor down --yes."
        )
    stopped = stack.stop()
    click.echo("Stopped." if stopped else "Nothing runs here.")


@click.command()
@settings_options(problems="say")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def status(ctx: click.Context, settings: Settings, as_json: bool) -> None:
    """Say what runs, and where; exit 1 if nothing does."""
    found = Stack(settings).status()
    click.echo(json.dumps(words.status_json(found)) if as_json else words.status_text(found))
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


def _send_direct(settings: Settings) -> Switched:
    """Point Claude Code's settings at the upstream, and wait until open sessions have noticed."""
    switched = go_direct(settings.data_dir, reason="down")
    _say_switched(switched, words.DIRECT)
    if switched.changed:
        time.sleep(NOTICE_SECONDS)
    return switched


def _say_switched(switched: Switched, sentence: str) -> None:
    for problem in switched.problems:
        complain(problem)
    if switched.changed:
        click.echo(sentence)


def _refuse_another_gateway(stack: Stack, settings: Settings) -> None:
    """A gateway that Claude Code's settings name holds its users' keys: put nothing else in its place unasked."""
    found = stack.status()
    if found.anything_runs or settings.asked_for("upstream"):
        return
    home = Path.home()
    own = url(HOST, settings.port) if settings.asked_for("port") else found.proxy.url
    reason = settings_obstacle(os.environ, home, proxy_url=own, upstream=settings.upstream)
    if reason is not None and settings_base_url(os.environ, home):
        raise ClauditorError(reason)
