"""The short matrix: each fault with one or two kinds of bodies. `make faults` strikes hundreds of times."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from clauditor.demo import Reply
from faults import disk, faults
from faults.catalogue import in_a_laboratory_of_its_own
from faults.crowd import through
from faults.faults import Fault
from faults.judging import lengths
from faults.kinds import FOUR, SIXTY_FOUR, SMALL, STREAMING, Kind
from faults.lab import Lab, laboratory
from faults.matrix import cell
from faults.report import line

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(tmp_path_factory.mktemp("lab"), settings=faults.Blocked.settings) as made:
        yield made


HEALING: list[tuple[Fault, Kind]] = [
    (faults.Killed(), STREAMING),
    (faults.Killed(), SIXTY_FOUR),
    (faults.Stopped(), STREAMING),
    (faults.Stopped(), FOUR),
    (faults.Blocked(), FOUR),
    (faults.Restarted(), SMALL),
    (faults.Impostor("slow", "slow, 1 s a message"), STREAMING),
    (faults.Impostor("deaf", "not reading"), FOUR),
    (faults.Impostor("garbage", "garbage replies"), STREAMING),
    (faults.Impostor("flood", "flood of replies"), SMALL),
    (faults.Impostor("spurious", "spurious replies"), STREAMING),
    (faults.Impostor("immediate", "immediate responses"), SMALL),
    (faults.Upstream(Reply.text("a" * 9000, end="rst", cut_after_bytes=4000), "upstream resets"), SMALL),
    (faults.Upstream(Reply.text("slowly", first_token_seconds=1.0), "upstream slow"), SMALL),
    (faults.Upstream(Reply.failure(529), "upstream 529"), SMALL),
    (faults.Upstream(Reply.text("a", end="hang"), "upstream hangs", patience_seconds=0.8), SMALL),
    (disk.DatabaseLocked(), SMALL),
    (faults.EnvoyKilled(), STREAMING),
]


@pytest.mark.parametrize(
    ("fault", "kind"), HEALING, ids=[f"{fault.name}, {kind.name}" for fault, kind in HEALING]
)
def test_nobody_notices(lab: Lab, fault: Fault, kind: Kind) -> None:
    found = cell(lab, fault, kind)
    sys.stdout.write(line(found) + "\n")
    assert found.complaints == [], found


def test_a_crowd_passes_a_sidecar_that_stops_and_goes_on(lab: Lab) -> None:
    found = through(lab, faults.Stopped(), 300)
    assert found.complaints == [], found
    assert found.bytes.exchanges["watched"] >= 300
    assert found.strikes


@pytest.mark.parametrize("by_seconds", [3600, -3600, 86_400, -86_400])
def test_calls_last_as_long_as_they_did_while_the_clock_was_set(lab: Lab, by_seconds: int) -> None:
    before = len(lab.heard["watched"])
    found = cell(lab, faults.ClockSet(by_seconds, "clock set"), STREAMING)
    assert found.complaints == [], found
    told = lengths(lab, {each.session_id for each in lab.heard["watched"][before:]})
    assert len(told) == found.bytes.exchanges["watched"]
    assert all(abs(seconds - true) < 2 for true, seconds in told.values()), told


@pytest.mark.parametrize("fault", [disk.DatabaseCorrupt(), disk.DatabaseReadOnly(), disk.DiskFull()])
def test_nobody_notices_what_happens_to_the_history(fault: Fault) -> None:
    if fault.needs_root and os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    with in_a_laboratory_of_its_own(fault) as lab:
        found = cell(lab, fault, SMALL)
    sys.stdout.write(line(found) + "\n")
    assert found.complaints == [], found
