"""Which sessions a seed has: who works how, what of a real week happens to each, and which of them are sick.

Near misses are dealt round a deck; troubles go round from seed to seed, so that each comes up equally often.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clauditor.demo import Profile
from clauditor.demo.act import FAKE_PLAN_TOKEN
from clauditor.demo.seeded import dice
from support.traffic.plan import Deck

SESSIONS: Final = 100
SICK: Final = 20
OPUS: Final = "claude-opus-5-5"
SONNET: Final = "claude-sonnet-5-5"
HAIKU: Final = "claude-haiku-5-5"
FABLE: Final = "claude-fable-5-2"
OLD_SONNET: Final = "claude-sonnet-4-5-20250929"
OLD_HAIKU: Final = "claude-haiku-4-5-20251001"
_SMALL_WINDOWS: Final = (OLD_SONNET, OLD_HAIKU)
LIMIT_USD: Final = 3.0
"""What one person set as the limit of a session."""
_MODELS: Final = (*[OPUS] * 9, *[SONNET] * 5, HAIKU, FABLE, *[OLD_SONNET] * 2, OLD_HAIKU)
_PLACES: Final = (
    "webshop",
    "billing",
    "etl",
    "infra",
    "mobile",
    "docs",
    "search",
    "orders-api",
    "auth",
    "ml",
)
_TOGETHER: Final = (1, 2, 3, 5, 8, 12)  # sessions of one person's machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a trouble or a near miss asks of its session. `least_tokens` and `most_tokens` bound what the context
    holds from the beginning, `fill_ratio` says how much of the room it takes; `alone`: what it has, everybody on
    its account has.
    """

    models: tuple[str, ...] = ()
    hooks: bool | None = None
    scripted: bool = False
    ttl: str | None = None
    least_tokens: int = 0
    most_tokens: int = 1_000_000
    fill_ratio: float = 0.0
    fallback_model: str | None = None
    alone: bool = False


DEAR: Final = Needs(models=(OPUS, SONNET, FABLE), least_tokens=110_000)
"""Writing the prompt again costs well over ten cents."""
SMALL: Final = Needs(models=(OPUS, SONNET, HAIKU), ttl="5m", most_tokens=0)
OLD: Final = Needs(models=(OLD_SONNET, OLD_HAIKU), most_tokens=20_000)
HOOKED: Final = Needs(hooks=True)

TROUBLES: Final[Mapping[str, Needs]] = {
    "stalled mid stream": Needs(),
    "stalled before the first byte": Needs(),
    "endless command": Needs(),
    "tool loop": Needs(),
    "failing tools": Needs(),
    "rebuilt: tools": DEAR,
    "rebuilt: system": DEAR,
    "rebuilt: model": DEAR,
    "rebuilt: effort": DEAR,
    "cache thrash": Needs(models=(OPUS, SONNET, FABLE), least_tokens=20_000),
    "another model": Needs(),
    "another model after overloads": Needs(models=(OPUS, FABLE), fallback_model=SONNET),
    "context nearly full": Needs(fill_ratio=0.7),
    "compaction loop": Needs(fill_ratio=0.6),
    "refused": Needs(),
    "cut off by the window": Needs(),
    "permission left open": HOOKED,
    "question left open": Needs(),
    "limit nearly used": Needs(models=(OPUS, SONNET), alone=True),
    "cost over the limit": Needs(models=(OPUS,), most_tokens=100_000),
    "errors again and again": Needs(),
    "one call tried again and again": Needs(),
}

NEAR_MISSES: Final[Mapping[str, Needs]] = {
    "a retry that succeeds": Needs(),
    "a failed tool": Needs(),
    "a rejected tool": Needs(),
    "agents side by side": Needs(),
    "agents of agents": Needs(),
    "an agent in the background": Needs(),
    "plan mode": Needs(models=(OPUS,)),
    "the user changes the model": Needs(models=(OPUS, SONNET)),
    "Esc in an answer": Needs(),
    "Esc in a command": Needs(),
    "lunch": SMALL,
    "compacted by hand": Needs(),
    "compacted once": Needs(fill_ratio=0.5),
    "compacted early": Needs(),
    "/clear": Needs(),
    "slow stream with pings": Needs(),
    "slow to begin": Needs(),
    "long thinking": Needs(),
    "a long command": Needs(),
    "tools loaded by search": Needs(),
    "a short dialog": HOOKED,
    "a short dialog that nobody tells of": Needs(hooks=False),
    "a short question": Needs(),
    "side calls": Needs(),
    "a script": Needs(scripted=True),
    "polling": Needs(),
    "red and green": Needs(),
    "checks after each edit": Needs(),
    "large files first": OLD,
    "a dated id": Needs(models=(OPUS, SONNET)),
    "much at once": Needs(),
}


_EMPTIES: Final = ("compacted by hand", "compacted early", "/clear")
"""After these there is too little in the context for some troubles."""


def compacts_at(model: str) -> int:
    """At how many tokens the client compacts by itself: of a window of 200,000, or of a million."""
    return 167_000 if model in _SMALL_WINDOWS else 967_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One session. `context_tokens` is what it was worked in before, `calls` about how many it makes."""

    number: int
    profile: Profile
    hooks: bool
    calls: int
    begins_after_seconds: float
    context_tokens: int
    near_misses: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One person's sessions: one sidecar, one account. `used_ratio` is what of its five hours is used at first,
    `elsewhere_ratio` what an hour at another place uses of them (another machine, the web page).
    """

    seed: int
    plans: tuple[Plan, ...]
    used_ratio: float
    elsewhere_ratio: float
    limit_usd: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Dealer:
    chance: random.Random
    number: int = 0
    near_misses: Deck[str] = field(init=False)

    def __post_init__(self) -> None:
        self.near_misses = Deck(list(NEAR_MISSES), self.chance)

    def healthy(self) -> Plan:
        first = self.near_misses.deal()
        plain = [name for name, needs in NEAR_MISSES.items() if needs == Needs() and name != first]
        more = self.chance.sample(plain, self.chance.choice((0, 1, 1, 2)))
        return self._plan(NEAR_MISSES[first], near_misses=(first, *more))

    def sick(self, trouble: str) -> Plan:
        plain = [name for name, needs in NEAR_MISSES.items() if needs == Needs() and name not in _EMPTIES]
        return self._plan(TROUBLES[trouble], near_misses=(self.chance.choice(plain),), trouble=trouble)

    def _plan(self, needs: Needs, *, near_misses: tuple[str, ...], trouble: str | None = None) -> Plan:
        chance = self.chance
        self.number += 1
        model = chance.choice(needs.models or _MODELS)
        place = chance.choice(_PLACES)
        profile = Profile(
            cwd=f"/home/demo/src/{place}-{self.number}",
            branch=chance.choice(("main", "next", "fix-it")),
            model=model,
            fallback_model=needs.fallback_model,
            entrypoint="sdk-cli" if needs.scripted else "cli",
            hints=chance.random() < 0.85,
            auto_mode=chance.random() < 0.7,
            effort=chance.choice(("medium", "medium", "high", "low")),
            cache_ttl=needs.ttl or "5m",  # people on a plan get an hour, see `_with_account`
        )
        return Plan(
            number=self.number,
            profile=profile,
            hooks=chance.random() < 0.6 if needs.hooks is None else needs.hooks,
            calls=round(chance.triangular(10, 60, 20)),
            begins_after_seconds=chance.uniform(0, 2400),
            context_tokens=self._context(model, needs),
            near_misses=near_misses,
            trouble=trouble,
        )

    def _context(self, model: str, needs: Needs) -> int:
        chance = self.chance
        if needs.fill_ratio:
            return round(compacts_at(model) * needs.fill_ratio * chance.uniform(0.8, 1.1))
        if not needs.least_tokens and (not needs.most_tokens or chance.random() < 0.4):
            return 0
        most = min(needs.most_tokens, 60_000 if model in _SMALL_WINDOWS else 400_000)
        known = chance.lognormvariate(11.0, 0.8)  # 60,000 in the middle, 220,000 for one of twenty
        return round(min(most, max(needs.least_tokens * chance.uniform(1, 2), known, 5_000)))


def machines(seed: int, *, sessions: int = SESSIONS, sick: int = SICK) -> list[Machine]:
    """The people of one seed, and their sessions."""
    chance = dice(seed, "week")
    dealer = _Dealer(chance=chance)
    names = list(TROUBLES)
    plans = [dealer.sick(names[(seed * sick + number) % len(names)]) for number in range(sick)]
    plans += [dealer.healthy() for _ in range(sessions - sick)]
    alone = [plan for plan in plans if plan.trouble is not None and TROUBLES[plan.trouble].alone]
    others = [plan for plan in plans if plan not in alone]
    chance.shuffle(others)
    groups = [[plan] for plan in alone]
    while others:
        together = chance.choice(_TOGETHER)
        groups.append(others[:together])
        others = others[together:]
    return [_machine(seed * 100 + number, group, chance) for number, group in enumerate(groups)]


def _machine(seed: int, plans: list[Plan], chance: random.Random) -> Machine:
    troubles = {plan.trouble for plan in plans}
    on_plan = "limit nearly used" in troubles or chance.random() < 0.6
    return Machine(
        seed=seed,
        plans=tuple(_with_account(plan, chance, on_plan=on_plan) for plan in plans),
        used_ratio=0.86 if "limit nearly used" in troubles else chance.choice((0.05, 0.2, 0.4, 0.6, 0.6)),
        elsewhere_ratio=0.0
        if "limit nearly used" in troubles
        else chance.choice((0.0, 0.0, 0.0, 0.03, 0.08)),
        limit_usd=LIMIT_USD if "cost over the limit" in troubles else 0.0,
    )


def _with_account(plan: Plan, chance: random.Random, *, on_plan: bool) -> Plan:
    if not on_plan:
        return plan
    is_free = plan.near_misses[0] != "lunch"  # on a small context: a longer pause is another story
    ttl = "1h" if is_free and chance.random() < 0.8 else plan.profile.cache_ttl
    return replace(plan, profile=replace(plan.profile, oauth_token=FAKE_PLAN_TOKEN, cache_ttl=ttl))
