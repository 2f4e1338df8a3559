"""A hub, a vendor and any number of sessions in virtual time, and a record of all that happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from clauditor.demo.act import Act
from clauditor.demo.claude_request import Profile
from clauditor.demo.limits import Billing, Limits
from clauditor.demo.reply import Reply
from clauditor.demo.request import MAIN, Request
from clauditor.demo.seeded import digest
from clauditor.demo.vendor import Vendor
from clauditor.demo.virtual.clock import run
from clauditor.demo.virtual.wire import Observer, VirtualWire
from clauditor.hub import Hub, Sink
from clauditor.model.events import ClockJumped, Event, SignalCleared, SignalRaised
from clauditor.model.facts import Fact
from clauditor.model.packing import pack, unpack
from clauditor.model.prices import PriceBook
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot
from clauditor.model.verdict import Raised
from clauditor.signals.thresholds import Thresholds
from clauditor.wire.exchange import Exchange
from clauditor.wire.hooks import read_hook
from clauditor.wire.identity import Secrets

BEGAN_AT: Final = 1_790_000_000.0
_T = TypeVar("_T")
_BASE_URL: Final = "http://vendor.invalid"

Story = Callable[["Stage"], Awaitable[None]]


class Windows(Limits):
    """The vendor's rate limits; `told` takes their place: header suffix and value, as `5h-utilization`, `0.93`."""

    def __init__(self, seed: int, billing: Billing | None, started_at: float) -> None:
        super().__init__(seed, billing, started_at)
        self.told: dict[str, str] = {}

    def headers(self, request: Request, now: float) -> tuple[tuple[str, str], ...]:
        if not self.told:
            return super().headers(request, now)
        return tuple((f"anthropic-ratelimit-unified-{name}", value) for name, value in self.told.items())


class Stage:
    """One play. `edges` are the signals' edges in order, `facts` what was completed, `log` all that the hub was
    given: events, and a number (Unix seconds) where it was told that time passed.
    """

    def __init__(
        self,
        *,
        book: PriceBook,
        seed: int = 1,
        thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
        billing: Billing | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.vendor = Vendor(seed=seed, started_at=BEGAN_AT, billing=billing)
        self.windows = self.vendor.limits = Windows(seed, billing, BEGAN_AT)
        self.edges: list[SignalRaised | SignalCleared] = []
        self.facts: list[Fact] = []
        self.log: list[Event | float] = []
        self._book, self._seed, self._thresholds = book, seed, thresholds
        self._sinks = (self, *sinks)
        self._starts = 0
        self._acts = 0
        self._exchanges = 0
        self._begun: list[asyncio.Future[Any]] = []  # the loop itself keeps none alive
        self._clock_set_by = 0.0
        self._loop = asyncio.get_running_loop()
        self._wire = VirtualWire(self.vendor, self._observe, self.vendor_now)
        self.hub = self._new_hub()

    def now(self) -> float:
        """The sidecar's clock, in Unix seconds."""
        return self.vendor_now() + self._clock_set_by

    def vendor_now(self) -> float:
        return BEGAN_AT + self._loop.time()

    def act(self, profile: Profile = Profile(), *, hooks: bool = False) -> Act:  # noqa: B008 - frozen
        """A new session. With `hooks` its client tells the sidecar what it does, as ours would."""
        self._acts += 1
        return Act(
            self,
            _BASE_URL,
            profile,
            seed=self._seed * 10_000 + self._acts,
            speed=1.0,
            hook=self.hook if hooks else None,
            transport=self._wire,
        )

    def script(self, session_id: str, *replies: Reply, agent: str = MAIN) -> None:
        """Queues what the vendor answers to a session, as the simulator does."""
        self.vendor.script(session_id, replies, agent=agent)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def begin(self, work: Awaitable[_T]) -> asyncio.Future[_T]:
        """Starts something that goes on beside the story; it ends with the play."""
        begun = asyncio.ensure_future(work)
        self._begun.append(begun)
        return begun

    async def hook(self, told: dict[str, Any]) -> None:
        """What a hook, or the status line, hands to the sidecar."""
        for event in read_hook(json.dumps(told).encode(), at=self.now()) or ():
            self.publish(event)

    def publish(self, event: Event) -> None:
        self.log.append(event)
        self.hub.publish(event)

    def tick(self) -> None:
        self.log.append(self.now())
        self.hub.tick(self.now())

    def restart(self) -> None:
        """The sidecar ends and starts again: sessions come back as they were kept, the rest of the answers that
        are under way goes by unseen.
        """
        kept = [unpack(pack(session)) for session in self.hub.sessions.values()]
        readings = [
            (account.account, account.billing, at, replace(record.window, used_ratio=used))
            for account in self.hub.accounts.by_name.values()
            for record in account.windows.values()
            for at, used in (*record.samples, (record.at, record.window.used_ratio))
        ]
        self.hub = self._new_hub()
        self.hub.accounts.take_up(sorted(readings, key=lambda reading: reading[2]))
        self.hub.restore(kept, self.now())

    def set_clock(self, seconds: float) -> None:
        """The sidecar's wall clock is moved by so much; the vendor's is not."""
        self._clock_set_by += seconds
        self.publish(ClockJumped(at=self.now(), session_id="", seconds=seconds))

    def observe(self, event: Event, _session: Session | None, facts: Sequence[Fact]) -> None:
        """The stage watches its hub as a sink."""
        if isinstance(event, SignalRaised | SignalCleared):
            self.edges.append(event)
        self.facts += facts

    def raised(self, name: str) -> list[SignalRaised]:
        """Each time a signal began to hold."""
        return [edge for edge in self.edges if isinstance(edge, SignalRaised) and edge.name == name]

    def cleared(self, name: str) -> list[SignalCleared]:
        """Each time it ended to hold."""
        return [edge for edge in self.edges if isinstance(edge, SignalCleared) and edge.name == name]

    def session(self, act: Act) -> Session:
        return self.hub.sessions[act.client.session_id]

    def signals(self, act: Act) -> dict[str, Raised]:
        """What holds for a session now (nothing before its first request)."""
        session = self.hub.sessions.get(act.client.session_id)
        return {} if session is None else session.signals

    def shot(self, act: Act) -> Snapshot:
        """The session as every screen sees it now."""
        shot = self.hub.snapshot(act.client.session_id, self.now())
        if shot is None:
            raise KeyError(act.client.session_id)
        return shot

    def _new_hub(self) -> Hub:
        self._starts += 1
        self._secrets = Secrets(
            salt=digest(self._seed, "salt"), start_secret=digest(self._seed, "start", self._starts)
        )
        return Hub(book=self._book, sinks=self._sinks, thresholds=self._thresholds)

    def _observe(self) -> Observer:
        self._exchanges += 1
        exchange_id = f"{self._exchanges}-{int(self.now() * 1e6)}"
        start = self._starts

        def publish(event: Event) -> None:
            if self._starts == start:
                self.publish(event)

        return Observer(Exchange(exchange_id, secrets=self._secrets), publish, self.now)


def perform(story: Story, **options: Any) -> Stage:
    """Plays a story from its beginning to its end in virtual time; `options` are those of `Stage`.

    The hub is told every second that time passes. Raises what the story raises.
    """

    async def whole() -> Stage:
        stage = Stage(**options)
        ticking = asyncio.create_task(_tick(stage))
        try:
            await story(stage)
        finally:
            ticking.cancel()
        return stage

    return run(whole())


async def _tick(stage: Stage) -> None:
    while True:
        await asyncio.sleep(1.0)
        stage.tick()
