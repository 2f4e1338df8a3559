"""What the screen shows at a moment: what is known then, or, while it is frozen, what was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo

from clauditor.ui.top.live import Known
from clauditor.ui.top.sources import Sources
from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene


class Moment:
    """`clock` tells wall time in Unix seconds, `zone` the zone to show a time in."""

    def __init__(
        self, sources: Sources, *, clock: Callable[[], float], zone: Callable[[float], tzinfo]
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._zone = zone
        self._frozen: Known | None = None

    @property
    def zone(self) -> tzinfo:
        return self._zone(self._clock())

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self) -> None:
        """Let all stand still, or go on."""
        self._frozen = None if self._frozen else self.known()

    def known(self) -> Known:
        """What is known now, frozen or not."""
        return self._sources.known(self._clock(), self.zone)

    def shown(self, panes: Mapping[str, str]) -> tuple[Scene, Known]:
        """What to show, and how."""
        known = self._frozen or self.known()
        estimated = all(session.estimated for session in known.sessions)
        return Scene(now=known.now, zone=self._zone(known.now), all_estimated=estimated, panes=panes), known

    def notice(self) -> str:
        """What the headline says of the screen itself instead of the counts."""
        if self._frozen is not None:
            return (
                f"frozen since {units.clock(self._frozen.now, self._zone(self._frozen.now))}, space goes on"
            )
        return self._sources.notice(self._zone)
