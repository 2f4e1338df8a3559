"""What the screen remembers from one time to the next: view, order and groups, in a small file of the user's own."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.ui.views.groups import GROUPS, GroupName
from clauditor.ui.views.presets import VIEWS, ViewName
from clauditor.ui.views.table import SORTS, SortName

FILE_NAME: Final = "top.json"
_MOST_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How the table was looked at last."""

    view: ViewName = "attention"
    sort: SortName = "attention"
    group: GroupName = "none"


def recall(file: Path) -> Chosen:
    """What was kept; anything else is as if nothing had been."""
    try:
        with file.open("rb") as opened:
            kept = json.loads(opened.read(_MOST_BYTES))
        return Chosen(
            view=VIEWS[VIEWS.index(kept["view"])],
            sort=SORTS[SORTS.index(kept["sort"])],
            group=GROUPS[GROUPS.index(kept["group"])],
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Chosen()


def keep(file: Path, chosen: Chosen) -> None:
    """Write it whole or not at all, for its owner only; a disk that takes nothing costs the memory, no more."""
    text = json.dumps({"view": chosen.view, "sort": chosen.sort, "group": chosen.group})
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600
        beside = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
            beside.replace(file)
        except OSError:
            beside.unlink(missing_ok=True)
