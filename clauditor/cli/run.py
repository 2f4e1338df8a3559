"""run and env: send one client, or every client of a shell, through the proxy without touching a file."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import click

from clauditor.cli import in_words
from clauditor.cli.options import STACK, settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy.client_env import BASE_URL, client_variables, obstacle, settings_obstacle
from clauditor.proxy.stack import Stack

NOT_FOUND: Final = 127  # what shells answer for a command that does not exist,
NOT_EXECUTABLE: Final = 126  # and for one that cannot be executed


@click.command(context_settings={"allow_interspersed_args": False})
@settings_options(*STACK, problems="leave")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[--] CMD...")
def run(settings: Settings, command: tuple[str, ...]) -> NoReturn:
    """Start CMD so that its Claude sessions are watched; starts the proxy first if it does not run.

    If there is no way through the proxy, CMD is started directly, and one line says so.
    """
    if not command:
        raise click.UsageError("Name the command to start, such as: clauditor run claude.")
    if shutil.which(command[0]) is None:
        if "/" in command[0] and Path(command[0]).exists():
            click.echo(f"clauditor: {command[0]} cannot be executed; check its mode.", err=True)
            sys.exit(NOT_EXECUTABLE)
        click.echo(f"clauditor: {command[0]}: no such command; check its name and your PATH.", err=True)
        sys.exit(NOT_FOUND)
    environ = dict(os.environ)
    stack = Stack(settings)
    try:
        proxy_url = _way_through(settings, stack, Path(command[0]).name)
        environ |= client_variables(proxy_url, os.environ)
        environ["CLAUDITOR_RUN_ID"] = str(uuid.uuid4())
    except (ClauditorError, OSError) as error:
        reason = in_words(error).rstrip(".")
        click.echo(f"clauditor: {reason}. Starting {command[0]} directly, it is not watched.", err=True)
        if environ.get(BASE_URL) == stack.status().proxy.url:
            del environ[BASE_URL]  # left over from `clauditor env`: nobody listens there now
    _become(command, environ)


@click.command()
@settings_options(problems="say")
@click.option(
    "--shell", type=click.Choice(["sh", "bash", "zsh", "fish"]), help="Whose syntax.  [default: $SHELL]"
)
def env(settings: Settings, shell: str | None) -> None:
    """Print the variables that send every client of this shell through the proxy.

    Use it so: eval "$(clauditor env)", in fish: clauditor env | source
    """
    stack = Stack(settings)
    found = stack.status()
    if not stack.proxy_is_ours():
        raise ClauditorError("The proxy does not run here; start it first: clauditor up.")
    if reason := obstacle(os.environ, proxy_url=found.proxy.url, upstream=found.upstream):
        raise ClauditorError(reason)
    shell = shell or Path(os.environ.get("SHELL", "")).name
    for name, value in client_variables(found.proxy.url, os.environ).items():
        quoted = _fish_quoted(value) if shell == "fish" else shlex.quote(value)
        click.echo(f"set -gx {name} {quoted};" if shell == "fish" else f"export {name}={quoted}")


def _way_through(settings: Settings, stack: Stack, program: str) -> str:
    """The proxy's address, once it is sure to be ours; raises ClauditorError with the reason to go directly."""
    if settings.problems:
        raise ClauditorError(settings.problems[0])
    _refuse_other_places(stack, program)
    stack.refuse_other_choices()
    if not stack.serves():
        try:
            stack.start()
        except ClauditorError as error:
            if not stack.proxy_is_ours():
                raise
            click.echo(
                f"clauditor: {error}", err=True
            )  # unrecorded until the sidecar is back, but not broken
    if not stack.proxy_is_ours():
        raise ClauditorError(
            "Another user's program listens on the proxy's port; choose another one with --port."
        )
    _refuse_other_places(stack, program)
    return stack.status().proxy.url


def _refuse_other_places(stack: Stack, program: str) -> None:
    """Respect a base URL that is already there; looked at before anything is started, and with the real port."""
    found = stack.status()
    reason = obstacle(os.environ, proxy_url=found.proxy.url, upstream=found.upstream)
    if reason is None and program == "claude":
        reason = settings_obstacle(os.environ, Path.cwd(), proxy_url=found.proxy.url, upstream=found.upstream)
    if reason is not None:
        raise ClauditorError(reason)


def _become(command: tuple[str, ...], environ: Mapping[str, str]) -> NoReturn:
    """Let the command take this process's place: its terminal, signals, job control and exit code are then its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - no shell wanted
    except OSError as error:
        click.echo(f"clauditor: {command[0]}: {error.strerror}.", err=True)
        sys.exit(NOT_EXECUTABLE)


def _fish_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
