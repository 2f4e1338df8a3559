"""What stands in a log: clean lines, and of an error its kind and place."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.errors import ClauditorError
from clauditor.logs import SIDECAR, CleanFormatter, error_lines, kind, place

SECRET = "what was typed"


def formatted(message: str, *args: object, error: BaseException | None = None) -> str:
    told = None if error is None else (type(error), error, error.__traceback__)
    return CleanFormatter(SIDECAR).format(logging.LogRecord("clauditor.x", 40, "x", 1, message, args, told))


def test_a_record_is_a_line_with_time_level_and_name() -> None:
    assert formatted("%s of %d are gone", "two", 3).endswith(" ERROR clauditor.x: two of 3 are gone")


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("a \x1b[31mred\x1b[0m\nline", (), "a red line"),
        ("%s", ("\u202eabc",), "abc"),
        ("the token is %s", ("hunter2x7",), "the token is [redacted]"),
        ("%d", ("no number",), "a message that cannot be shown"),
        ("%s failed: %s", ("it", ValueError(SECRET)), "it failed: ValueError"),
        ("%s", (OSError(28, "No space left on device", SECRET),), "OSError: No space left on device"),
        ("100 %", (), "100 %"),
    ],
)
def test_a_message_is_clean_and_an_error_in_it_has_no_words(
    message: str, args: tuple[object, ...], expected: str
) -> None:
    assert formatted(message, *args).partition("clauditor.x: ")[2] == expected


def test_a_message_has_an_end() -> None:
    assert len(formatted("x " * 10_000)) < 1100


def test_words_of_an_error_are_told_only_where_they_quote_nothing() -> None:
    assert kind(KeyError(SECRET)) == "KeyError"
    assert kind(OSError(SECRET)) == "OSError"
    assert kind(FileNotFoundError(2, "No such file", SECRET)) == "FileNotFoundError: No such file"
    assert kind(ClauditorError("Start it: clauditor up.")) == "ClauditorError: Start it: clauditor up."


def raised() -> Exception:
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise ExceptionGroup(SECRET, [KeyError(SECRET), error]) from error
    except ExceptionGroup as group:
        return group
    raise AssertionError("nothing was raised")


def test_an_error_says_where_it_arose_and_what_led_to_it() -> None:
    lines = list(error_lines(raised()))
    assert [line for line in lines if " in raised" not in line] == [
        "ValueError",
        "ExceptionGroup",
        "  KeyError",
        "  ValueError",
    ]
    assert SECRET not in formatted("it failed", error=raised())
    assert place(raised()).startswith("ExceptionGroup in test_logs.py:")


def test_errors_in_a_circle_end() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert list(error_lines(first)) == ["KeyError", "ValueError"]


@given(st.text(st.characters(codec=None)), st.lists(st.text(st.characters(codec=None)), max_size=3))
def test_any_text_can_be_logged(message: str, args: list[str]) -> None:
    line = formatted(message, *args, error=ValueError(message))
    assert all(part.isprintable() for part in line.split("\n"))


def test_what_nobody_caught_is_logged_without_words() -> None:
    program = f"""
        import asyncio, gc, logging, threading
        from clauditor import logs

        logs.begin(logs.SIDECAR)
        secret = {SECRET!r}

        def fail(words):
            raise RuntimeError(words)

        async def later():
            fail(secret)

        async def main():
            task = asyncio.create_task(later())
            asyncio.get_running_loop().call_soon(fail, secret)
            await asyncio.sleep(0.01)
            del task
            gc.collect()

        thread = threading.Thread(target=fail, args=(secret,))
        thread.start()
        thread.join()
        with asyncio.Runner(loop_factory=logs.event_loop) as runner:
            runner.run(main())
        logging.getLogger("x").warning("%d", secret)
        class Broken:
            def __del__(self):
                fail(secret)
        Broken()
        fail(secret)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert SECRET not in done.stderr
    assert done.stderr.count("RuntimeError") == 5
    assert done.stderr.count("an error that nobody caught") == 3
    assert done.stderr.count("the event loop says: ") == 2
