"""A machine's sessions in virtual time: each player lives its plan, and everything that happened is kept."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from clauditor.demo.request import Request
from clauditor.demo.virtual import BEGAN_AT, Stage
from clauditor.demo.virtual.stage import Windows
from clauditor.model.events import Event, SignalCleared, SignalRaised
from clauditor.model.facts import Fact
from clauditor.model.session import Session
from clauditor.model.verdict import Level, verdict
from clauditor.signals.thresholds import Thresholds
from support.virtual import perform
from support.week import near_misses, troubles
from support.week.plan import Machine
from support.week.player import Player
from support.week.work import arrive, leave, work


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a session's verdict became at a point in time (Unix seconds)."""

    at: float
    level: Level
    signal: str | None


@dataclass(slots=True, kw_only=True)
class Watching:
    """A sink that keeps each session's verdicts."""

    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)

    def observe(self, event: Event, session: Session | None, _facts: Sequence[Fact]) -> None:
        if session is not None and isinstance(event, SignalRaised | SignalCleared):
            now = verdict(session.signals.values())
            known = self.verdicts.setdefault(session.session_id, [])
            known.append(Verdict(at=event.at, level=now.level, signal=now.signal))


class Account(Windows):
    """The vendor tells whole hundredths."""

    def headers(self, request: Request, now: float) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, f"{float(value):.2f}" if name.endswith("-utilization") else value)
            for name, value in super().headers(request, now)
        )


@dataclass(slots=True, kw_only=True)
class Played:
    """One machine after its day."""

    machine: Machine
    stage: Stage
    players: list[Player]
    verdicts: dict[str, list[Verdict]]


def play(machine: Machine) -> Played:
    """Lets every session of a machine live. Raises `RuntimeError` if a signal or a sink broke."""
    watching = Watching()
    players: list[Player] = []

    async def day(stage: Stage) -> None:
        stage.windows = stage.vendor.limits = Account(machine.seed, None, BEGAN_AT)
        stage.windows._five_hour = machine.used_ratio
        stage.begin(_elsewhere(stage, machine.elsewhere_ratio))
        players.extend(Player(stage, plan) for plan in machine.plans)
        await asyncio.gather(*(stage.begin(_live(player)) for player in players))

    stage = perform(
        day,
        seed=machine.seed,
        sinks=(watching,),
        thresholds=Thresholds(session_usd=machine.limit_usd),
    )
    if stage.hub.errors:
        raise RuntimeError(f"the hub counted errors: {stage.hub.errors}")
    return Played(machine=machine, stage=stage, players=players, verdicts=watching.verdicts)


async def _elsewhere(stage: Stage, ratio: float) -> None:
    """The account is used at another place as well, for half of each hour."""
    for minute in itertools.count():
        await stage.wait(60)
        if minute // 30 % 2:
            stage.windows._five_hour += ratio / 60


async def _live(p: Player) -> None:
    await p.stage.wait(p.plan.begins_after_seconds)
    await arrive(p)
    if p.is_scripted:
        await near_misses.script(p)
    else:
        await _at_a_terminal(p)
    await leave(p)
    await p.act.close()


async def _at_a_terminal(p: Player) -> None:
    """Ordinary prompts, and in between what the plan has in store, until enough calls were made."""
    agenda = [near_misses.PLAYED[name] for name in p.plan.near_misses if name != "a script"]
    if p.plan.trouble is not None:
        agenda.insert(p.dice.randrange(len(agenda) + 1), troubles.PLAYED[p.plan.trouble])
    share = p.plan.calls / (len(agenda) + 1)
    await work(p)
    for number, happens in enumerate(agenda, start=1):
        while p.calls < share * number * p.dice.uniform(0.5, 1.0):
            await work(p)
        await happens(p)
    while p.calls < p.plan.calls:
        await work(p)
