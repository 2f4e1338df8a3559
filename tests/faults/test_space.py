"""Every way in which a disk does not take the history, for a moment each; `python -m faults space` lets each last."""

from __future__ import annotations

import os

import pytest

from faults.outages import NEED_ROOT, OUTAGES
from faults.space import complaints, in_its_own_process


@pytest.mark.parametrize("name", OUTAGES)
def test_the_live_view_goes_on_and_nothing_is_lost(name: str) -> None:
    if name in NEED_ROOT and os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    seen = in_its_own_process(name, seconds=0.7)
    assert complaints(name, seen) == []
