"""Errors meant for a person."""


class ClauditorError(Exception):
    """A failure with one plain sentence that names its remedy.

    The command line prints the sentence without a traceback and exits 1.
    """
