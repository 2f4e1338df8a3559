"""What the programs that stay running write to their logs: clean, redacted, bounded lines.

Of an error that nobody foresaw a log says its kind and where it arose, never its words: Python's own messages quote what
they stumbled over, which may be a prompt or a key.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from clauditor.errors import ClauditorError
from clauditor.text import label

log = logging.getLogger(__name__)

SIDECAR: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SUPERVISOR: Final = "%(asctime)s %(levelname)s %(message)s"

_CELLS: Final = 1000  # of a message
_FRAMES: Final = 30  # of an error, the innermost
_ERRORS: Final = 8  # that led to one another, or came together


class CleanFormatter(logging.Formatter):
    """Formats a record as lines that carry nothing of what passed. Never raises."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        record.asctime = self.formatTime(record)
        lines = [self.formatMessage(record)]
        if record.exc_info and record.exc_info[1] is not None:
            lines += error_lines(record.exc_info[1])
        return "\n".join(lines)


def begin(form: str) -> None:
    """Log to the standard error in this form from now on, also what nobody caught and what Python itself warns of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter(form))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.raiseExceptions = False  # or a record that cannot be written is shown with its arguments
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda what: _uncaught(what.exc_type, what.exc_value, what.exc_traceback)
    threading.excepthook = lambda what: _uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def event_loop() -> asyncio.AbstractEventLoop:
    """A new event loop that logs what it catches; asyncio's own way shows arguments and errors as they are."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_loop_failed)
    return loop


def error_lines(error: BaseException, *, depth: int = 0) -> Iterator[str]:
    """An error with those that led to it, oldest first: where each passed, and what it is."""
    indent = "  " * depth
    for one in reversed(_chain(error)):
        frames = traceback.extract_tb(one.__traceback__, limit=-_FRAMES)
        yield from (f"{indent}  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        yield f"{indent}{kind(one)}"
        if isinstance(one, BaseExceptionGroup) and depth < _ERRORS:
            for inner in one.exceptions[:_ERRORS]:
                yield from error_lines(inner, depth=depth + 1)


def kind(error: BaseException) -> str:
    """`ValueError`; with its words where they are ours, the system's or SQLite's, and quote nothing."""
    words = ""
    if isinstance(error, OSError) and error.errno is not None:
        words = error.strerror or ""
    elif isinstance(error, ClauditorError) or type(error).__module__ == "sqlite3":
        words = str(error)
    return f"{type(error).__qualname__}: {label(words, _CELLS)}" if words else type(error).__qualname__


def place(error: BaseException) -> str:
    """`ValueError in exchange.py:42`, for a sentence."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f" in {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{kind(error)}{where}"


def _loop_failed(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    what = str(context.get("message", "")).partition(" in callback")[0]
    error = context.get("exception")
    log.error("the event loop says: %s", what, exc_info=error if isinstance(error, BaseException) else None)


def _message(record: logging.LogRecord) -> str:
    args = record.args
    if isinstance(args, tuple):
        args = tuple(kind(each) if isinstance(each, BaseException) else each for each in args)
    try:
        return label(str(record.msg) % args if args else str(record.msg), _CELLS)
    except Exception:  # noqa: BLE001 - whatever an argument does when it is shown
        return "a message that cannot be shown"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found and len(found) < _ERRORS:
        found.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return found


def _uncaught(what: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(what, KeyboardInterrupt | SystemExit):
        told = error if error is not None else what()
        log.critical("an error that nobody caught", exc_info=(what, told, trace))
