"""The shapes that a report reads are those that hub and store make: one session through both, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clauditor.hub import Hub
from clauditor.model.usage import Usage
from clauditor.reports.postmortem import PostMortem, postmortem
from clauditor.store.store import Store
from support.life import Book, Life, settle

SESSION_ID = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "clauditor.db")
    yield opened
    opened.close()


def usage(read: int, written: int) -> Usage:
    return Usage(input=10, output=200, cache_read=read, cache_write_5m=written)


@pytest.fixture
def report(store: Store) -> PostMortem:
    hub = Hub(book=Book(), sinks=[store.sink])
    one = Life(hub, SESSION_ID)
    one.answer(one.start(), usage=usage(0, 20_000))
    one.answer(one.start(), usage=usage(20_000, 10_000), tools=("toolu_1",))
    one.tool_result("toolu_1", "error")
    one.at += 900
    one.answer(one.start(), usage=usage(0, 31_000))
    failed = one.start(digest="same")
    one.fail(failed)
    one.answer(one.start(digest="same"), usage=usage(31_000, 1_000))
    one.answer(one.start(), usage=usage(4_000, 29_000))
    settle(store)
    calls = store.calls
    snapshot = hub.snapshot(SESSION_ID, one.at + 5)
    return postmortem(
        snapshot, calls.turns(SESSION_ID, limit=1000), calls.side_calls(SESSION_ID), [], [], one.at + 5
    )


def test_the_replayed_rebuilds_are_those_that_the_session_counted(report: PostMortem) -> None:
    cache = report.cache
    assert [(one.turn, one.lost_tokens) for one in cache.rebuilds] == [(3, 30_010), (5, 28_010)]
    assert [one.cause for one in cache.rebuilds] == ["ttl_expired_5m", "unknown"]
    assert sum(one.lost_tokens or 0 for one in cache.rebuilds) == cache.lost_tokens
    assert sum(one.cost_usd or 0.0 for one in cache.rebuilds) == pytest.approx(cache.lost_cost_usd)
    assert cache.misses == len(cache.rebuilds)


def test_the_totals_are_the_sessions_own(report: PostMortem) -> None:
    assert (report.session.turns, report.session.failed_attempts, report.turns_missing) == (5, 1, 0)
    assert report.waste.of_usd == report.session.cost_usd
    assert report.waste.of_tokens == report.session.total_tokens == 55_000 + 91_000 + 5 * (10 + 200)
    assert [(tool.name, tool.calls, tool.failures) for tool in report.tools] == [("Bash", 1, 1)]


def test_the_failed_attempt_stands_at_its_call(report: PostMortem) -> None:
    (failure,) = [moment for moment in report.timeline if moment.kind == "failure"]
    assert (failure.turn, failure.number, failure.text) == (4, 529, "answered")
    assert report.going_on.resume.command == f"claude --resume {SESSION_ID}"
    assert report.going_on.resume.cache == "warm"
