"""All the sidecars a screen asks: each is followed by itself, and together they are shown as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import tzinfo

from clauditor.ui.top.live import Known, LiveSessions, Sidecar
from clauditor.ui.views import units
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.totals import sum_of
from clauditor.ui.views.words import UNHEARD


class Sources:
    """The sidecars by the names the screen gives them; one alone needs none and has the empty one."""

    def __init__(self, sidecars: Mapping[str, Sidecar]) -> None:
        self._sidecars = sidecars
        self._lives = {host: LiveSessions(host) for host in sidecars}

    async def follow(
        self, clock: Callable[[], float], changed: Callable[[], None], sums_changed: Callable[[], None]
    ) -> None:
        """Read every stream and all sums until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for host, live in self._lives.items():
                tasks.create_task(live.follow(self._sidecars[host], clock, changed), name=f"stream {host}")
                tasks.create_task(
                    live.follow_sums(self._sidecars[host], sums_changed), name=f"summary {host}"
                )

    def sidecar_of(self, session: SessionView) -> Sidecar:
        return self._sidecars[session.host]

    @property
    def is_connected(self) -> bool:
        """Whether any of them is heard."""
        return any(live.is_connected for live in self._lives.values())

    @property
    def is_silent(self) -> bool:
        """Whether none is heard any more."""
        return not self.is_connected and any(live.heard_at is not None for live in self._lives.values())

    @property
    def is_complete(self) -> bool:
        """Whether every one that is heard has told all its sessions."""
        return all(live.is_complete for live in self._lives.values() if live.is_connected)

    @property
    def last_told(self) -> dict[str, SessionView]:
        """Every session by its key as it was last told of, also by a sidecar that is silent now."""
        return {session.key: session for live in self._lives.values() for session in live.by_id.values()}

    def known(self, now: float, zone: tzinfo) -> Known:
        """What all of them told. While none is heard that is the last message: nobody knows what came after.

        Of a silent one among others only the names are shown.
        """
        lives = list(self._lives.values())
        if len(lives) == 1:
            return lives[0].known(now)
        parts = [live.known(now) for live in lives]
        return Known(
            now=now if self.is_connected else max(part.now for part in parts),
            sessions=tuple(session for live in lives for session in self._shown(live)),
            spend=sum_of(
                [part.spend for part in parts], is_complete=all(live.is_connected for live in lives)
            ),
            incident=next((part.incident for part in parts if part.incident is not None), None),
            silent=tuple(self._silence(zone)) if self.is_connected else (),
        )

    def notice(self, zone: Callable[[float], tzinfo]) -> str:
        """What the screen says of itself where nothing is heard; else empty."""
        if self.is_connected:
            return ""
        heard = [live.heard_at for live in self._lives.values() if live.heard_at is not None]
        if not heard:
            return "connecting"
        at = units.clock(max(heard), zone(max(heard)), seconds=True)
        return f"silent since {at}, asks again; see: clauditor status"

    def _shown(self, live: LiveSessions) -> Iterator[SessionView]:
        for session in live.by_id.values():
            if live.is_connected or not self.is_connected:
                yield session
            else:
                yield replace(
                    session,
                    state=UNHEARD,
                    state_since=live.heard_at,
                    waiting_for=None,
                    verdict=None,
                    signals=(),
                    attention=0.0,
                )

    def _silence(self, zone: tzinfo) -> Iterator[str]:
        for host, live in self._lives.items():
            if live.is_connected:
                continue
            if live.heard_at is not None:
                yield f"{host} is silent since {units.clock(live.heard_at, zone, seconds=True)}, asks again"
            elif live.refusal is not None:
                yield f"{host}: {live.refusal}"
            else:
                yield f"connecting to {host}"
