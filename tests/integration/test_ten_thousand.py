"""Four hundred exchanges of every kind and encoding through the real Envoy, each token and dollar held against the
vendor's books. `bench/ten_thousand.py` does the same with ten thousand.
"""

from __future__ import annotations

from pathlib import Path

from support.stack import watched_vendor
from support.traffic.compare import compare
from support.traffic.drive import Driver
from support.traffic.plan import SIDE, TURNS, plan
from support.traffic.shapes import ANSWERS
from support.traffic.truth import truths

EXCHANGES = 400


async def test_every_token_and_dollar_of_every_kind_of_exchange_is_told(tmp_path: Path) -> None:
    sessions = plan(EXCHANGES, seed=11)
    with watched_vendor(tmp_path, seed=11, encoding="auto") as (vendor, stack):
        received = await Driver(vendor, stack.proxy_url).play(sessions)
        verdict = compare(stack, truths(sessions, vendor.ledger.records), received)
    assert verdict.differences == []
    assert verdict.exchanges == verdict.seen_by_edge == EXCHANGES
    assert verdict.told == verdict.true
    assert abs(verdict.told_usd - float(verdict.true_usd)) < 1e-9


def test_four_hundred_exchanges_hold_every_shape() -> None:
    sessions = plan(EXCHANGES, seed=11)
    attempts = [attempt for session in sessions for attempt in session.attempts]
    assert len(attempts) == EXCHANGES
    assert {attempt.shape.name for attempt in attempts if attempt.shape} >= {shape.name for shape in ANSWERS}
    assert {attempt.outcome for attempt in attempts} == {"ok", "http", "stream", "aborted", "proxy"}
    kinds = {call.kind for session in sessions for call in session.calls}
    assert kinds == {*TURNS, *SIDE, "compaction", "elsewhere"}
    assert {session.identity for session in sessions} == {"header", "metadata", "derived"}
