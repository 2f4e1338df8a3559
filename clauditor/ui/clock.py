"""The clock of a screen: wall time, and the zone that the person lives in.

Screens run in a process of their own, beside the daemon and its clock; what they show is handed the time
as an argument all the same.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo


def now() -> float:
    """Wall time in Unix seconds."""
    return time.time()  # noqa: TID251 - this is the screen's one clock


def local_zone(at: float) -> tzinfo:
    """The local zone as it is at `at` (summer time changes it)."""
    return datetime.fromtimestamp(at, UTC).astimezone().tzinfo or UTC
