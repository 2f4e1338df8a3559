"""The command line: one group, whose commands are imported only when they are used.

Without a command it is `top`. A failure is one sentence on stderr and exit 1, a wrong option exit 2.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Final

import click

from clauditor import __version__
from clauditor.errors import ClauditorError

DEFAULT: Final = "top"
GROUPS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Every day": {
        "top": ("clauditor.cli.view:top", "All sessions, live: which one needs you, and why (the default)."),
        "next": ("clauditor.cli.next:next_", "Go to the session that needs you most (tmux)."),
        "run": ("clauditor.cli.run:run", "Start a client that is watched; no file is changed."),
        "sessions": ("clauditor.cli.view:sessions", "List sessions, live and past."),
        "show": ("clauditor.cli.view:show", "Everything about one session."),
        "spend": ("clauditor.cli.spend:spend", "What was spent, by day, project, branch or model."),
    },
    "Set-up": {
        "up": ("clauditor.cli.stack:up", "Start the proxy and the sidecar."),
        "down": ("clauditor.cli.stack:down", "Stop both."),
        "status": ("clauditor.cli.stack:status", "What runs, and where."),
        "demo": ("clauditor.cli.demo:demo", "Look first: pretend sessions, no account needed."),
    },
    "More": {
        "env": ("clauditor.cli.run:env", "Print the variables that send a client through the proxy."),
        "postmortem": (
            "clauditor.cli.report:postmortem",
            "What went wrong in a session, what it wasted, how to go on.",
        ),
        "statusline": ("clauditor.cli.statusline:statusline", "What Claude Code's status line runs."),
        "alert-test": ("clauditor.cli.alerts:alert_test", "Ring once, each way you have set up."),
    },
}
HIDDEN: Final = {
    "serve": ("clauditor.cli.stack:serve", "Run the sidecar in the foreground."),
    "hook": ("clauditor.cli.hook:hook", "What Claude Code's hooks run."),
}
COMMANDS: Final = {name: entry for group in (*GROUPS.values(), HIDDEN) for name, entry in group.items()}


class Commands(click.Group):
    """Finds a command by name and imports only its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        return command if isinstance(command, click.Command) else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()], col_max=12)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clauditor", message="%(prog)s %(version)s")
def cli() -> None:
    """Watch many Claude Code sessions: which one needs you, why, and what it costs.

    `clauditor COMMAND --help` tells more about each.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; never shows a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see __main__; one that is ignored stays so
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = cli.main(arguments, prog_name="clauditor", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)  # 128 + SIGINT
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "clauditor"
        click.echo(f"clauditor: {error.format_message().rstrip('.')}. See {where} --help.", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ClauditorError as error:
        _fail(in_words(error))
    except BrokenPipeError:  # whoever read the output has enough
        _forget_output()
        sys.exit(1)  # as click does
    except OSError as error:
        _fail(f"Cannot write the output: {in_words(error)}" if _forget_output() else in_words(error))
    except Exception as error:
        if os.environ.get("CLAUDITOR_DEBUG"):
            raise
        _fail(f"A mistake in Clauditor itself: {error!r}. Please report it, with CLAUDITOR_DEBUG=1 set.")
    sys.exit(code if isinstance(code, int) else 0)


def in_words(error: ClauditorError | OSError) -> str:
    """A failure as a sentence for a person."""
    if isinstance(error, ClauditorError):
        return str(error)
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}."


def _forget_output() -> bool:
    """Let nothing be written at exit if the output cannot be written now; returns whether that is so."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _fail(sentence: str) -> None:
    click.echo(f"clauditor: {sentence}", err=True)
    sys.exit(1)
