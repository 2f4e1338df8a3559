"""`python -m clauditor`, and where the installed command starts."""

import importlib
import signal
import sys

# What Claude Code itself starts, many times a minute: it does without the command line's libraries (docs/hooks.md).
QUICK = {"hook": "clauditor.hooks.command", "statusline": "clauditor.ui.statusline"}


def main() -> None:
    """The command line; Ctrl-C while it is being loaded ends it without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    command, arguments = "".join(sys.argv[1:2]), sys.argv[2:]
    if command in QUICK and not {"-h", "--help"}.intersection(arguments):
        importlib.import_module(QUICK[command]).main(arguments)
        return
    from clauditor.cli import main as command_line  # noqa: PLC0415 - what takes the time

    command_line()


if __name__ == "__main__":
    main()
