"""The judges of the laboratory find what they are there to find."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest

from clauditor.demo import Reply, Simulator
from faults.clients import Heard, exchange
from faults.judging import Bytes, Gaps, Spread, Window
from faults.kinds import request
from faults.matrix import Cell

WELL = Cell(
    fault="kill -9",
    kind="small",
    judges_longest=True,
    may_add_p99_seconds=0.05,
    cuts="nothing",
    failed_without_cause=[],
    strikes=[],
    bytes=Bytes(
        exchanges={"watched": 9, "bare": 9}, altered=[], asked_twice=[], failed={"watched": [], "bare": []}
    ),
    pauses={side: Spread(count=999, p50=0.001, p99=0.02, longest=0.03) for side in ("watched", "bare")},
    gaps=Gaps(found=3, made=2),
    witnesses={"overflow": 0, "overflow (active)": 0},
)
SLOW = Spread(count=999, p50=0.001, p99=0.08, longest=0.4)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"bytes": replace(WELL.bytes, altered=["s"])}, ["altered"]),
        ({"bytes": replace(WELL.bytes, asked_twice=["s"])}, ["asked twice"]),
        ({"bytes": replace(WELL.bytes, failed={"watched": ["x"], "bare": []})}, ["clients failed"]),
        ({"bytes": replace(WELL.bytes, failed={"watched": [], "bare": ["x"]})}, ["bare Envoy's clients"]),
        ({"failed_without_cause": ["s: 503"], "cuts": "open streams"}, ["failed without a cause"]),
        ({"pauses": {**WELL.pauses, "watched": SLOW}}, ["p99 of the pauses", "the longest pause"]),
        ({"pauses": {**WELL.pauses, "watched": replace(SLOW, count=9)}}, ["the longest pause"]),
        ({"pauses": {**WELL.pauses, "watched": SLOW}, "judges_longest": False}, ["p99 of the pauses"]),
        ({"gaps": Gaps(found=0, made=1, hidden=["s"])}, ["hidden: s"]),
        ({"gaps": Gaps(found=1, made=0, false=["s"])}, ["false: s"]),
        ({"gaps": Gaps(found=1, made=1, unaccounted=["s"], twice=["t"])}, ["unaccounted: s", "twice: t"]),
        ({"witnesses": {"overflow": 2, "overflow (active)": 0}}, ["Envoy counts 2 x overflow"]),
    ],
)
def test_a_cell_says_what_is_wrong(changed: dict[str, Any], words: list[str]) -> None:
    said = replace(WELL, **changed).complaints
    assert len(said) == len(words)
    assert all(line.startswith(word) for line, word in zip(said, words, strict=True)), said


def test_what_fails_as_it_does_at_bare_envoy_is_no_complaint() -> None:
    failed: dict[Any, list[str]] = {"watched": ["status 529"], "bare": ["status 529"] * 3}
    assert replace(WELL, cuts="as bare", bytes=replace(WELL.bytes, failed=failed)).complaints == []
    other = {**failed, "watched": ["TimeoutError"]}
    assert replace(WELL, cuts="as bare", bytes=replace(WELL.bytes, failed=other)).complaints


@pytest.mark.parametrize(
    ("unseen", "lived", "surely", "possibly"),
    [
        ("all", (0, 9), False, False),  # over before it
        ("all", (0, 12), True, True),
        ("all", (13, 14), True, True),
        ("all", (0, 10.1), False, True),  # at its edge
        ("all", (19, 40), False, True),  # the sidecar is on its way back
        ("all", (30, 40), False, False),
        ("some", (0, 40), False, True),
        ("spanning", (0, 40), True, True),
        ("spanning", (0, 15), False, True),
        ("nothing", (0, 40), False, False),
    ],
)
def test_which_exchanges_cannot_have_been_seen(
    unseen: Any, lived: tuple[float, float], *, surely: bool, possibly: bool
) -> None:
    window = Window(began_at=10, blind_from=10.05, blind_until=18, ended_at=20, unseen=unseen)
    with Simulator() as vendor:
        exchange(vendor.url, "s", request(200))
        assert vendor.ledger.wait(1)
        (record,) = vendor.ledger.records
    told = replace(record, started_at=lived[0], ended_at=lived[1])
    assert (window.surely(told), window.possibly(*lived)) == (surely, possibly)


def test_pauses_of_many_exchanges_are_one_spread() -> None:
    heard = [Heard("s", 0.0, pauses=array("d", [0.001] * 98)), Heard("t", 0.0, pauses=array("d", [0.5, 0.2]))]
    assert Spread.of(heard) == Spread(count=100, p50=0.001, p99=0.5, longest=0.5)
    assert Spread.of([]).count == 0


def test_pauses_from_before_the_strike_are_not_held_against_it() -> None:
    heard = [Heard("s", 100.0, pauses=array("d", [5.0, 0.1, 0.2]))]
    assert Spread.of(heard, since=105.05) == Spread(count=2, p50=0.2, p99=0.2, longest=0.2)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply.text("words " * 400, end="fin", cut_after_bytes=900), "IncompleteRead"),
        (Reply.text("words " * 400, end="rst", cut_after_bytes=900), "ConnectionResetError"),
        (Reply.text("words", end="hang"), "TimeoutError"),
        (Reply.failure(529), None),
    ],
)
def test_a_client_says_how_its_exchange_ended(reply: Reply, error: str | None) -> None:
    with Simulator() as vendor:
        vendor.script("s", reply)
        heard = exchange(vendor.url, "s", request(200), patience_seconds=0.5)
    assert (heard.is_whole, heard.error) == (False, error)
