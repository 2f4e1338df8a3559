from __future__ import annotations

from typing import Any

import pytest

from clauditor.reports.reconcile import reconcile

AT = 10_000.0


def shot(cost: float | None = 2.0, **fields: Any) -> dict[str, Any]:
    return {
        "cost_usd": cost,
        "cost_complete": True,
        "billing": "api",
        "started_at": 1_000.0,
        "unobserved": {"exchanges": 0},
        **fields,
    }


def client(cost: float, seconds: float = 9_000.0) -> dict[str, Any]:
    return {"total_cost_usd": cost, "total_duration_ms": seconds * 1000}


@pytest.mark.parametrize(
    ("snapshot", "cost", "reason"),
    [
        (shot(), client(2.0), "agrees"),
        (shot(), client(2.03), "agrees"),
        (shot(0.0), client(0.0), "agrees"),
        (shot(unobserved={"exchanges": 3}), client(2.5), "unobserved"),
        (shot(cost_complete=False), client(2.5), "unpriced"),
        (shot(), client(5.0, seconds=20_000), "seen_late"),
        (shot(), client(0.4, seconds=500), "restarted"),
        (shot(billing="plan"), client(2.4), "list_price"),
        (shot(), client(2.4), "unexplained"),
        (shot(), client(1.6), "unexplained"),
    ],
)
def test_the_likely_reason(snapshot: dict[str, Any], cost: dict[str, Any], reason: str) -> None:
    found = reconcile(snapshot, cost, AT)
    assert found is not None
    assert found.reason == reason
    assert found.difference_usd == found.ours_usd - found.theirs_usd
    assert found.sentence.endswith(".")
    assert found.sentence.count(". ") == 0


def test_without_a_figure_on_both_sides_there_is_nothing_to_compare() -> None:
    assert reconcile(shot(None), client(1.0), AT) is None
    assert reconcile(shot(), {}, AT) is None
    assert reconcile([], "x", AT) is None
    assert reconcile(shot(), {"total_cost_usd": float("nan")}, AT) is None


def test_nothing_divides_by_their_zero() -> None:
    found = reconcile(shot(), client(0.0), AT)
    assert found is not None
    assert found.ratio is None
