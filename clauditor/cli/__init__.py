"""The command line: one group, whose commands are imported only when they are used.

Without a command it is `top`. A failure is one sentence on stderr and exit 1, a wrong option exit 2.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from clauditor import __version__
from clauditor.cli.complaining import complain
from clauditor.cli.examples import epilog
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEFAULT: Final = "top"
EXIT_CODES: Final = (
    "Exit codes: 0 it went well, 1 it did not (one sentence says why), 2 wrong usage, 130 Ctrl-C; "
    "run: those of its command, 126 and 127 if that cannot be started."
)
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
        "down": ("clauditor.cli.stack:down", "Go direct again, then stop both."),
        "status": ("clauditor.cli.stack:status", "What runs, and where."),
        "install": (
            "clauditor.cli.setup:install",
            "Watch every Claude Code, also those already open (asks first).",
        ),
        "uninstall": (
            "clauditor.cli.setup:uninstall",
            "Take everything of Clauditor out of Claude Code's settings.",
        ),
        "on": ("clauditor.cli.setup:on", "Watch again after `off`."),
        "off": ("clauditor.cli.setup:off", "Claude Code goes direct, at once."),
        "doctor": ("clauditor.cli.doctor:doctor", "What is wrong, and what to do about it."),
        "demo": ("clauditor.cli.demo:demo", "Look first: pretend sessions, no account needed."),
    },
    "More": {
        "env": ("clauditor.cli.run:env", "Print the variables that send a client through the proxy."),
        "watch": ("clauditor.cli.watch:watch", "What happens, as lines; with --tmux one pane a session."),
        "web": ("clauditor.cli.web:web", "Open the live page in your browser."),
        "service": ("clauditor.cli.service:service", "Let systemd start it, and start it again."),
        "postmortem": (
            "clauditor.cli.report:postmortem",
            "What went wrong in a session, what it wasted, how to go on.",
        ),
        "statusline": ("clauditor.cli.statusline:statusline", "What Claude Code's status line runs."),
        "export": ("clauditor.cli.export:export", "What was recorded, as JSON Lines, CSV or a SQLite copy."),
        "restore": ("clauditor.cli.restore:restore", "Put such a copy back in place."),
        "purge": ("clauditor.cli.purge:purge", "Make what was recorded be gone for good."),
        "token": ("clauditor.cli.token:token", "Change the secret that opens the API."),
        "alert-test": ("clauditor.cli.alerts:alert_test", "Ring once, each way you have set up."),
        "completion": (
            "clauditor.cli.completion:completion",
            "Let your shell complete all this (bash, zsh, fish).",
        ),
    },
}
HIDDEN: Final = {
    "serve": ("clauditor.cli.stack:serve", "Run the sidecar in the foreground."),
    "hook": ("clauditor.cli.hook:hook", "What Claude Code's hooks run."),
}
COMMANDS: Final = {name: entry for group in (*GROUPS.values(), HIDDEN) for name, entry in group.items()}

_EVERYWHERE: Final = frozenset({"token_file", "data_dir", "config"})  # options that stand last in every help


class Commands(click.Group):
    """Finds a command by name and imports only its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - what the table above promises
        _add_examples(command, cmd_name)
        command.params.sort(key=lambda parameter: parameter.name in _EVERYWHERE)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            raise click.UsageError(
                f"No such command {args[0]!r}{f' ({near[0]}?)' if near else ''}", ctx
            ) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        is_bare = not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version"))
        if is_bare and not ctx.resilient_parsing:  # else a shell asks what may stand here
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by the table, so that none has to be imported, and options."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text.rstrip(".").replace(",", ";"))  # a comma is the shells' own mark
            for commands in GROUPS.values()
            for name, (_, text) in commands.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands and nothing else: --help and --version need no line of their own."""
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()], col_max=12)


def _add_examples(command: click.Command, name: str) -> None:
    examples, before = epilog(name), command.epilog or ""
    if examples is not None and examples not in before:
        command.epilog = f"{before}\n\n{examples}".strip("\n")
    if isinstance(command, click.Group):
        for inner, sub in command.commands.items():
            _add_examples(sub, f"{name} {inner}")


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
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
        said = (
            error.format_message().rstrip(".").replace(". (", " (")
        )  # click puts what was meant into brackets
        complain(f"{said}. See {where} --help.")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        complain(error.format_message())
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
        from clauditor.logs import place

        _fail(f"A mistake in Clauditor itself: {place(error)}. Please report it, with CLAUDITOR_DEBUG=1 set.")
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
    complain(sentence)
    sys.exit(1)
