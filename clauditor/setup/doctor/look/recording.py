"""The history's file, and what the sidecar says of itself.

The file is not opened as a database, which could make files beside it: its head says enough (SQLite's file format,
1.3: schema at offset 60, application at 68, big-endian).
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Final

from clauditor.client import connect
from clauditor.setup.doctor.facts import History, Recording
from clauditor.setup.doctor.look.scene import Scene
from clauditor.store.aside import set_aside
from clauditor.store.database import APPLICATION_ID, SCHEMA_VERSION

HEAD: Final = b"SQLite format 3\0"
HEAD_BYTES: Final = 100
GAPS_READ: Final = 1000


def look_at_history(scene: Scene) -> History:
    path = scene.settings.data_dir / "clauditor.db"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        head = None
    is_database = head is not None and head.startswith(HEAD) and len(head) == HEAD_BYTES
    schema = int.from_bytes(head[60:64]) if is_database and head else 0
    application = int.from_bytes(head[68:72]) if is_database and head else 0
    # A young one has an empty file, or nothing in its head: all of it is still in the journal beside it.
    is_young = head == b"" or (is_database and application == schema == 0)
    return History(
        path=path,
        exists=head is not None,
        schema=schema if application == APPLICATION_ID else None,
        is_ours=is_young or application == APPLICATION_ID,
        is_read_only=head is not None and not os.access(path, os.W_OK),
        newest_schema=SCHEMA_VERSION,
        broken=tuple(file.name for file in set_aside(path) if ".broken-" in file.name),
    )


def look_at_recording(scene: Scene) -> Recording:
    """Raises ClauditorError if the sidecar does not answer."""
    sidecar = connect(scene.settings)
    problem = sidecar.ask("/api/v1/sessions", {"limit": 1}).get("history_problem")
    answer: dict[str, Any] = {} if problem else sidecar.gaps(limit=GAPS_READ, days=1)
    gaps = [gap for gap in answer.get("gaps", ()) if isinstance(gap, dict)]
    total = answer.get("total")
    total = total if isinstance(total, dict) else {}
    return Recording(
        history_problem=problem if isinstance(problem, str) else None,
        gaps=_number(total.get("exchanges"), len(gaps)),
        unseen_bytes=_number(total.get("bytes"), 0),
        reasons=Counter(str(gap.get("reason") or "unknown") for gap in gaps),
    )


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
