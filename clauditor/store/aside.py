"""The histories that lie set aside beside the one that is kept (`database.move_aside`), told from files of a person's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_OURS: Final = re.compile(r"\.(?:broken|replaced)-[0-9]+(-wal|-shm)?")


def set_aside(path: Path, *, with_journals: bool = False) -> list[Path]:
    """Files of histories that were set aside from `path`, by name. Raises OSError."""
    found = []
    for file in path.parent.glob(f"{path.name}.*"):
        ours = _OURS.fullmatch(file.name.removeprefix(path.name))
        if ours and (with_journals or ours[1] is None) and file.is_file():
            found.append(file)
    return sorted(found)
