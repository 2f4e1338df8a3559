"""The benchmark of the verdicts (`bench/verdicts.py`), scaled down: twenty sessions of one seed, eight of them sick."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from clauditor.model.events import SignalRaised
from support.week import judge as judging
from support.week import near_misses, troubles
from support.week.judge import Case, judge
from support.week.plan import NEAR_MISSES, TROUBLES, machines
from support.week.play import Played, play
from support.week.score import Score, by_signal

ROOT: Final = Path(__file__).resolve().parents[2]
SEED: Final = 1


@pytest.fixture(scope="module")
def played() -> list[Played]:
    return [play(machine) for machine in machines(SEED, sessions=20, sick=8)]


@pytest.fixture(scope="module")
def score(played: list[Played]) -> Score:
    return Score(cases=tuple(case for one in played for case in judge(one)))


def test_every_planted_trouble_is_found_and_no_healthy_session_is_called_sick(score: Score) -> None:
    assert (len(score.sick), len(score.healthy)) == (8, 12)
    assert score.missed == []
    assert [case.untrue for case in score.false] == []
    assert (score.precision, score.recall) == (1.0, 1.0)
    assert all(case.is_led for case in score.sick)
    assert {case.worst for case in score.healthy} <= {"ok", "watch"}


def test_what_was_not_raised_is_missed_and_what_was_not_planted_is_false(played: list[Played]) -> None:
    """The judge is no friend of the hub: without its edges all is missed, and a loud one is wrong everywhere."""
    one = max(played, key=lambda machine: len(machine.players))
    sick = [player for player in one.players if player.planted is not None]
    edges = list(one.stage.edges)
    try:
        one.stage.edges = []
        silent = Score(cases=tuple(judge(one)))
        assert len(silent.missed) == len(sick)
        assert silent.false == []
        one.stage.edges = [
            SignalRaised(
                at=one.stage.now(), session_id=player.session_ids[-1], agent_id="main", name="refused",
                severity="watch", evidence="measured", summary="no", short="no", next_step="no", rank=1,
            )
            for player in one.players
        ]  # fmt: skip
        loud = Score(cases=tuple(judge(one)))
        assert len(loud.false) == len(one.players) - len(sick)
    finally:
        one.stage.edges = edges


def test_a_score_counts_sessions() -> None:
    alarm = judging.Alarm(signal="stalled", severity="act", at=1.0, summary="it stalls")
    well = Case(
        number=1, trouble=None, near_misses=("polling",), calls=10, seconds=60.0, worst="ok", worst_at=0.0,
        leading=None, planted=None, found_after=None, is_led=False, untrue=(), true=("needs_answer",),
    )  # fmt: skip
    found = replace(well, trouble="refused", planted="refused", found_after=3.0, is_led=True)
    missed = replace(found, found_after=None, is_led=False, untrue=(alarm,))
    score = Score(cases=(well, replace(well, untrue=(alarm, alarm)), found, missed))
    assert (score.precision, score.recall) == (0.5, 0.5)
    refused, stalled, asked = by_signal(score.cases, ["refused", "stalled", "needs_answer"])
    assert (refused.planted, refused.found, refused.led, refused.median_seconds) == (2, 1, 1, 3.0)
    assert (stalled.false_in_healthy, stalled.false_in_sick) == (1, 1)
    assert asked.true_in_healthy == 2


def test_the_results_go_to_their_place_in_the_page(score: Score, tmp_path: Path) -> None:
    bench = runpy.run_path(str(ROOT / "bench" / "verdicts.py"))
    results = bench["report"]([SEED], [score], [1.0])
    assert "**Found 8 of 8 planted; false alarms in 0 of 12 healthy sessions." in results
    assert len(list(bench["listing"](SEED, score.cases))) == 20
    copy = tmp_path / "verdicts.md"
    copy.write_text((ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8"), encoding="utf-8")
    for part in bench["PARTS"].values():
        bench["write"](part, f"{part}: {results}", copy)
    page = copy.read_text(encoding="utf-8")
    assert [page.count(f"{part}: {results}") for part in bench["PARTS"].values()] == [1, 1]
    assert page.startswith("# Are the verdicts right?")


def test_a_hundred_sessions_have_every_trouble_within_two_seeds_and_every_near_miss_in_one() -> None:
    seeds = [[plan for machine in machines(seed) for plan in machine.plans] for seed in (1, 2)]
    for plans in seeds:
        assert (len(plans), sum(plan.trouble is not None for plan in plans)) == (100, 20)
        assert {name for plan in plans for name in plan.near_misses} == set(NEAR_MISSES)
    assert {plan.trouble for plans in seeds for plan in plans if plan.trouble} == set(TROUBLES)
    assert set(troubles.PLAYED) == set(TROUBLES)
    assert set(near_misses.PLAYED) == set(NEAR_MISSES)
    assert machines(1) == machines(1)
