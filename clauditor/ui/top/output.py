"""Where the screen is drawn. Textual draws on the standard error; where that leads elsewhere (`2>file`), here it does not.

Source: `textual.drivers.linux_driver` (Textual 8): a driver writes to its `_file`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.driver import Driver


class OutputDriver(LinuxDriver):
    """Draws on the standard output."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._file = sys.__stdout__


def driver_for(error: TextIO | None) -> type[Driver] | None:
    """The driver for a terminal on the standard output, beside this standard error; None: Textual's own will do."""
    return None if error is not None and error.isatty() else OutputDriver
