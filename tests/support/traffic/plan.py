"""What is to be sent: sessions, the calls in them, and the attempts of each call, dealt out by a seed.

Dealing goes round decks, so that a few hundred exchanges hold every shape as well.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from clauditor.demo import Profile, Reply, Tokens, ToolUse
from support.traffic.shapes import ANSWERS, OPUS, SONNET, Shape, said
from support.traffic.troubles import Leaves, Outcome, Trouble, troubles

T = TypeVar("T")

Identity = Literal["header", "metadata", "derived"]
TURNS = ("main", "subagent", "nested", "fork", "workflow")
FORKED = ("suggestion", "side_question", "recap")
SIDE = (*FORKED, "title", "rename", "web_search", "web_fetch", "classifier", "quota_probe", "count_tokens")
"""Kinds of calls by the names under which side calls are listed; `compaction` and `elsewhere` are neither."""
_AFTER_ALL = said("after_all")
_AT_ONCE = 3  # agents that may run side by side

ACCEPTED = ("identity", "gzip", "br", "zstd", "deflate", "gzip, deflate, br, zstd")
ENCODED = (*["identity"] * 6, "gzip", "gzip members", "br", "zstd", "deflate")


class Deck(Generic[T]):
    """Deals its cards in any order, and all of them again when none is left."""

    def __init__(self, cards: Sequence[T], chance: random.Random) -> None:
        self._cards, self._chance = list(cards), chance
        self._left: list[T] = []

    def deal(self) -> T:
        if not self._left:
            self._left = self._chance.sample(self._cards, len(self._cards))
        return self._left.pop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One exchange. `number` travels in a header of its own; `outcome` is how it must be told."""

    number: int
    model: str
    reply: Reply | None
    shape: Shape | None = None
    outcome: Literal["ok"] | Outcome = "ok"
    leaves: Leaves | None = None
    is_streamed: bool = True
    accepted: str = "identity"
    encoded: str = "identity"
    without_beta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the user would count as one, or a side call. `agent` is a name within the session."""

    kind: str
    agent: str
    text: str
    attempts: tuple[Attempt, ...]

    @property
    def shape(self) -> Shape | None:
        """Of the answer that it came to."""
        return self.attempts[-1].shape


@dataclass(slots=True, kw_only=True)
class Session:
    """`groups` of calls follow each other; the calls of one group are made at once. `session_id` is None where
    the client names none.
    """

    number: int
    identity: Identity
    profile: Profile
    is_legacy: bool
    session_id: str | None
    label: str
    groups: list[tuple[Call, ...]] = field(default_factory=list)

    @property
    def calls(self) -> Iterator[Call]:
        return (call for group in self.groups for call in group)

    @property
    def attempts(self) -> Iterator[Attempt]:
        return (attempt for call in self.calls for attempt in call.attempts)


def plan(count: int, seed: int) -> list[Session]:
    """Sessions that make exactly `count` exchanges together."""
    return _Dealer(count, seed).deal()


class _Dealer:
    def __init__(self, count: int, seed: int) -> None:
        self._chance = chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._left, self._number = count, 0
        self._answers = Deck(ANSWERS, chance)
        self._usual = Deck([shape for shape in ANSWERS if shape.usd is None and shape.is_priced], chance)
        self._troubles: list[Trouble] = []
        self._accepted, self._encoded = Deck(ACCEPTED, chance), Deck(ENCODED, chance)
        identities: list[Identity] = [
            "header",
            "header",
            "header",
            "header",
            "header",
            "header",
            "metadata",
            "metadata",
            "derived",
        ]
        self._identities = Deck(identities, chance)
        self._kinds = Deck(
            ["main"] * 14
            + ["subagent"] * 5
            + ["compaction"] * 2
            + [*TURNS[2:], *SIDE, "count_tokens", "elsewhere"],
            chance,
        )

    def deal(self) -> list[Session]:
        sessions: list[Session] = []
        while self._left:
            session = self._session(len(sessions))
            for _ in range(self._chance.randint(8, 40)):
                if not self._left:
                    break
                session.groups.append(self._group(session, is_first=not session.groups))
            sessions.append(session)
        return sessions

    def _session(self, number: int) -> Session:
        chance, identity = self._chance, self._identities.deal()
        profile = Profile(
            cwd=f"/home/demo/src/project-{number % 40}",
            hints=identity == "header" and chance.random() < 0.5,
            auto_mode=chance.random() < 0.5,
            cache_ttl=chance.choice(("5m", "1h")),
            entrypoint=chance.choice(("cli", "sdk-cli")),
        )
        named = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        return Session(
            number=number,
            identity=identity,
            profile=profile,
            is_legacy=identity == "metadata" and chance.random() < 0.5,
            session_id=None if identity == "derived" else named,
            label=f"session {number} begins",
        )

    def _group(self, session: Session, *, is_first: bool) -> tuple[Call, ...]:
        kind = "main" if is_first or session.identity == "derived" else self._kinds.deal()
        if session.identity == "metadata" and kind in ("count_tokens", "elsewhere"):
            kind = "main"  # nothing in these would name the session
        if kind == "main" or session.identity != "header":
            return (self._call(session, kind, "main" if kind not in TURNS else kind),)
        if kind == "subagent" and self._chance.random() < 0.5:
            agents = (f"subagent {number}" for number in range(_AT_ONCE))
            return tuple(self._call(session, kind, agent) for agent in agents if self._left)
        agent = f"{kind} {self._chance.randint(0, 1)}" if kind in TURNS else "main"
        return (self._call(session, kind, agent),)

    def _call(self, session: Session, kind: str, agent: str) -> Call:
        is_first = kind == "main" and not session.groups
        text = session.label if is_first else f"{kind} {self._number}: go on. " * self._chance.randint(1, 30)
        attempts = self._attempts(kind)
        return Call(kind=kind, agent=agent, text=text, attempts=attempts)

    def _attempts(self, kind: str) -> tuple[Attempt, ...]:
        if kind in ("count_tokens", "elsewhere"):
            return (self._attempt(model=OPUS, reply=None),)
        if kind in (*TURNS, "compaction") and self._chance.random() < 0.3:
            trouble = self._trouble(kind)
            if trouble is not None:
                return self._troubled(trouble)
        return (self._answered(self._rolled(self._answers.deal()), is_streamed=self._is_streamed(kind)),)

    def _trouble(self, kind: str) -> Trouble | None:
        """The next one, if there is room for its failures and it suits the call."""
        if not self._troubles:
            self._troubles = self._chance.sample(found := troubles(self._chance), len(found))
        trouble = self._troubles[-1]
        if len(trouble.failures) >= self._left or (kind == "compaction" and trouble.name == "no_head"):
            return None
        return self._troubles.pop()

    def _troubled(self, trouble: Trouble) -> tuple[Attempt, ...]:
        shape = _AFTER_ALL if trouble.then == "other_model" else self._rolled(self._usual.deal())
        attempts = [
            self._attempt(
                model=shape.model,
                reply=failure.reply,
                outcome=failure.outcome,
                leaves=failure.leaves,
                is_streamed=failure.is_streamed,
            )
            for failure in trouble.failures
        ]
        match trouble.then:
            case "answer":
                answer = self._answered(shape, is_streamed=attempts[-1].is_streamed)
                attempts.append(replace(answer, without_beta=trouble.name == "beta_refused"))
            case "whole_answer":
                attempts.append(self._answered(shape, is_streamed=False))
            case "other_model":
                attempts.append(self._answered(replace(shape, model=SONNET), is_streamed=True))
            case "nothing":
                pass
        return tuple(attempts)

    def _answered(self, shape: Shape, *, is_streamed: bool) -> Attempt:
        return self._attempt(model=shape.model, reply=shape.reply, shape=shape, is_streamed=is_streamed)

    def _attempt(self, *, model: str, reply: Reply | None, **fields: object) -> Attempt:
        self._left -= 1
        self._number += 1
        return Attempt(
            number=self._number,
            model=model,
            reply=reply,
            accepted=self._accepted.deal(),
            encoded=self._encoded.deal(),
            **fields,  # type: ignore[arg-type]  # of this dataclass
        )

    def _is_streamed(self, kind: str) -> bool:
        return kind != "classifier" and self._chance.random() < 0.85

    def _rolled(self, shape: Shape) -> Shape:
        """The shape with tool ids of its own, and with rolled counts where it has none."""
        steps = tuple(
            replace(step, id=f"toolu_{self._number}_{place}") if isinstance(step, ToolUse) else step
            for place, step in enumerate(shape.reply.steps)
        )
        usage = self._usage() if shape.has_random_usage else shape.reply.usage
        return replace(shape, reply=replace(shape.reply, steps=steps, usage=usage))

    def _usage(self) -> Tokens:
        roll = self._chance.randint
        return Tokens(
            input=roll(0, 5000),
            output=roll(1, 9000),
            cache_read=roll(0, 1) * roll(0, 400_000),
            cache_write_5m=roll(0, 1) * roll(0, 30_000),
            cache_write_1h=roll(0, 1) * roll(0, 30_000),
        )
