"""Errors meant for a person."""


class ClauditorError(Exception):
    """A failure with one plain sentence that names its remedy.

    The command line prints the sentence without a traceback and exits 1.
    """


class HistoryError(Exception):
    """The history cannot be read or written now, for the reason given: part of a sentence, for a log or a person."""
