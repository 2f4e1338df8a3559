"""Memory that was used once for something long is not kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

MIB = 1 << 20
USES_AND_FREES = """
import os, sys
from clauditor import allocator
if sys.argv[1] == "gives back":
    allocator.give_back()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
long = bytearray(30 << 20)
del long
pieces = [b"x" * (1 << 20) for _ in range(64)]
kept = [b"y" * 600 for _ in range(10_000)]
del pieces
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_what_is_free_goes_back_to_the_system() -> None:
    def left(how: str) -> int:
        command = [sys.executable, "-c", USES_AND_FREES, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout)

    assert left("gives back") < 24 * MIB
    assert left("as it is") > 48 * MIB
