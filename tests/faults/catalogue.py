"""Every fault there is, and a laboratory for those after which nobody else can work in theirs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from clauditor.demo import Reply
from faults import disk, faults
from faults.faults import Fault
from faults.lab import Lab, laboratory

APART: Final[tuple[Callable[[], Fault], ...]] = (
    faults.Absent,
    disk.DatabaseCorrupt,
    disk.DatabaseReadOnly,
    disk.DiskFull,
)
"""Faults that leave a laboratory behind in which nobody else can work."""


def of_the_sidecar() -> Iterator[Fault]:
    """What is done to the sidecar, its place, its clock and its history, each once."""
    yield from (faults.Killed(), faults.Stopped(), faults.Blocked(), faults.Restarted())
    yield from (faults.Impostor(mood, name) for mood, name in faults.MOODS.items())
    yield faults.ClockSet(3600, "clock an hour ahead")
    yield faults.ClockSet(-86400, "clock a day back")
    yield disk.DatabaseLocked()


def of_the_upstream() -> Iterator[Fault]:
    """What the vendor does wrong, each once."""
    yield faults.Upstream(Reply.text("a" * 9000, end="rst", cut_after_bytes=4000), "upstream resets")
    yield faults.Upstream(Reply.text("a", end="hang"), "upstream hangs", patience_seconds=1.0)
    yield faults.Upstream(Reply.text("slowly", first_token_seconds=1.0), "upstream slow")
    yield faults.Upstream(Reply.failure(529), "upstream 529")


@contextlib.contextmanager
def in_a_laboratory_of_its_own(fault: Fault) -> Iterator[Lab]:
    """For one of `APART`: on a small disk, or without a sidecar at the start, as it needs."""
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory() as small,
        disk.small_disk(Path(small)) if fault.needs_root else contextlib.nullcontext(),
        laboratory(
            Path(place), data_dir=Path(small) / "data", is_absent=isinstance(fault, faults.Absent)
        ) as lab,
    ):
        yield lab
