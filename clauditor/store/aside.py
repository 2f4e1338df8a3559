"""The histories that lie set aside beside the one that is kept (`database.move_aside`), told from files of a person's own."""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_OURS: Final = re.compile(r"\.(?:broken|replaced)-[0-9]+(-wal|-shm)?")
PARTS: Final = ("", "-wal", "-shm")


def set_aside(path: Path, *, with_journals: bool = False) -> list[Path]:
    """Files of histories that were set aside from `path`, by name. Raises OSError."""
    found = []
    for file in path.parent.glob(f"{path.name}.*"):
        ours = _OURS.fullmatch(file.name.removeprefix(path.name))
        if ours and (with_journals or ours[1] is None) and file.is_file():
            found.append(file)
    return sorted(found)


def quarantine(path: Path) -> Path:
    """Move a broken database aside with its journal; returns where it lies now. Raises OSError."""
    aside = move_aside(path, "broken")
    log.error("the history in %s is broken; moved to %s and started anew", path, aside)
    return aside


def move_aside(path: Path, why: str) -> Path:
    """Give a database that nobody has open another name, with its journal; returns the name. Raises OSError."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.{why}-{number}")):
        number += 1
    for part in PARTS:
        with suppress(FileNotFoundError):
            source = path.with_name(path.name + part)
            source.chmod(0o600)
            source.rename(aside.with_name(aside.name + part))
    return aside
