"""Asks a program for its version."""

from __future__ import annotations

import subprocess
from pathlib import Path


def asked(path: Path | str, option: str, *, seconds: float) -> str:
    """What `path option` says. Raises OSError if it cannot be run, SubprocessError if it takes longer than that."""
    return subprocess.run(
        [path, option],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    ).stdout
