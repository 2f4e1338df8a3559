"""`python -m clauditor`, and where the installed command starts."""

import signal


def main() -> None:
    """The command line; Ctrl-C while it is being loaded ends it without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from clauditor.cli import main as command_line  # noqa: PLC0415 - what takes the time

    command_line()


if __name__ == "__main__":
    main()
