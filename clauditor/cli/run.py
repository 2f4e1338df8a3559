"""run and env: send one client, or every client of a shell, through the proxy without touching a file."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NoReturn

import click

from clauditor.cli import in_words
from clauditor.cli.complaining import complain
from clauditor.cli.options import STACK, settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy import ports
from clauditor.proxy.client_env import (
    BASE_URL,
    client_variables,
    obstacle,
    settings_base_url,
    settings_obstacle,
)
from clauditor.proxy.plan import Plan
from clauditor.proxy.stack import Stack
from clauditor.setup.session_settings import with_settings

NOT_FOUND: Final = 127  # what shells answer for a command that does not exist,
NOT_EXECUTABLE: Final = 126  # and for one that cannot be executed
PATIENCE_SECONDS: Final = 4.5  # and half a second to find out what there is then


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
            complain(f"{command[0]} cannot be executed; check its mode.")
            sys.exit(NOT_EXECUTABLE)
        complain(f"{command[0]}: no such command; check its name and your PATH.")
        sys.exit(NOT_FOUND)
    environ = dict(os.environ)
    stack = Stack(settings)
    try:
        proxy_url = _way_in_time(settings, stack, Path(command[0]).name)
        environ |= client_variables(proxy_url, os.environ)
        environ["CLAUDITOR_RUN_ID"] = str(uuid.uuid4())
        command = with_settings(
            command, proxy_url=proxy_url, settings=settings, environ=os.environ, directory=Path.cwd()
        )
    except (ClauditorError, OSError) as error:
        complain(f"{in_words(error).rstrip('.')}. {_how_directly(command, stack)}")
        command = _past_the_proxy(command, environ, stack)
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


def _way_in_time(settings: Settings, stack: Stack, program: str) -> str:
    """The proxy's address, unless that takes longer than anybody should wait before their own work begins.

    Raises ClauditorError or OSError with the reason to go directly, a mistake of ours included. A start that takes too
    long is left to itself: the next client may find it done.
    """
    found: Future[str] = Future()

    def look() -> None:
        try:
            found.set_result(_way_through(settings, stack, program))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is started
            found.set_exception(error)

    threading.Thread(target=look, name="way", daemon=True).start()
    try:
        return found.result(PATIENCE_SECONDS)
    except TimeoutError as error:
        if not stack.proxy_is_ours():
            raise ClauditorError("The proxy is not ready in time; see clauditor status") from error
        return _address(stack, program, "The proxy runs, but nothing is recorded until the sidecar is ready.")
    except (ClauditorError, OSError):
        raise
    except Exception as error:
        raise ClauditorError(f"A mistake in Clauditor itself ({error!r})") from error


def _way_through(settings: Settings, stack: Stack, program: str) -> str:
    """The proxy's address, once it is sure to be ours; raises ClauditorError with the reason to go directly."""
    if settings.problems:
        raise ClauditorError(settings.problems[0])
    _refuse_other_places(stack, program)
    stack.refuse_other_choices()
    problem = None
    if not stack.serves():
        try:
            stack.start()
        except ClauditorError as error:
            if not stack.proxy_is_ours():
                raise
            problem = str(error)
    if not stack.proxy_is_ours():
        raise ClauditorError(
            "Another user's program listens on the proxy's port; choose another one with --port."
        )
    return _address(stack, program, problem)


def _address(stack: Stack, program: str, problem: str | None) -> str:
    """The address of a proxy that serves; says the problem if the sidecar does not even take what Envoy copies."""
    _refuse_other_places(stack, program)
    if problem is not None and not ports.accepts_at(stack.run.extproc_socket):
        complain(problem)
    return stack.status().proxy.url


def _refuse_other_places(stack: Stack, program: str) -> None:
    """Respect a base URL that is already there; looked at before anything is started, and with the real port."""
    found = stack.status()
    reason = obstacle(os.environ, proxy_url=found.proxy.url, upstream=found.upstream)
    if reason is None and program == "claude":
        reason = settings_obstacle(os.environ, Path.cwd(), proxy_url=found.proxy.url, upstream=found.upstream)
    if reason is not None:
        raise ClauditorError(reason)


def _past_the_proxy(command: tuple[str, ...], environ: dict[str, str], stack: Stack) -> tuple[str, ...]:
    """The command as it reaches the API although the proxy does not serve; takes our address out of `environ`.

    Settings that `install` wrote would still lead to the proxy. What is given on the command line beats them.
    """
    plan = Plan.read(stack.run.plan)
    if plan is None:
        return command
    if environ.get(BASE_URL) == plan.proxy_url:  # left over from `clauditor env`
        del environ[BASE_URL]
    if not _leads_here(command, environ, plan) or _has_settings(command):
        return command
    direct = json.dumps({"env": {BASE_URL: plan.upstream}})
    return (command[0], "--settings", direct, *command[1:])


def _how_directly(command: tuple[str, ...], stack: Stack) -> str:
    plan = Plan.read(stack.run.plan)
    if plan is not None and _has_settings(command) and _leads_here(command, os.environ, plan):
        return "Its settings lead to the proxy all the same; for a direct way: clauditor off"
    return f"Starting {command[0]} directly, it is not watched."


def _leads_here(command: tuple[str, ...], environ: Mapping[str, str], plan: Plan) -> bool:
    """Whether Claude Code's settings send this client to the proxy, whatever its environment says."""
    if Path(command[0]).name != "claude":
        return False
    return (settings_base_url(environ, Path.cwd()) or "").rstrip("/") == plan.proxy_url


def _has_settings(command: tuple[str, ...]) -> bool:
    return any(word == "--settings" or word.startswith("--settings=") for word in command[1:])


def _become(command: tuple[str, ...], environ: Mapping[str, str]) -> NoReturn:
    """Let the command take this process's place: its terminal, signals, job control and exit code are then its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - no shell wanted
    except OSError as error:
        complain(f"{command[0]}: {error.strerror}.")
        sys.exit(NOT_EXECUTABLE)


def _fish_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
