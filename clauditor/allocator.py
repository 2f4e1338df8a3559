"""What is free goes back to the system, so that one long request does not cost its length twice.

Source: mallopt(3) of glibc. Its allocator keeps more for later each time that something long is freed (up to 32 MiB a
piece, 64 MiB in all), unless it was told a number. Of other systems' allocators nothing is asked.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_BYTES: Final = 128 << 10  # as both are at a program's start


def give_back() -> None:
    """For this process, from now on."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            mallopt(option, _BYTES)
