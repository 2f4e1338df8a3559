"""Rate-limit windows as figures: of several accounts the fullest speaks, as no label may tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from clauditor.model.account import Account, WindowRecord
from clauditor.telemetry.names import Names

WINDOWS: Final = 8

Figures = Mapping[tuple[str, ...], float]
"""By the labels `billing` and `window`."""


class Limits:
    """The windows as they were when `look` was last called; those that were reset since their reading are left out."""

    def __init__(self) -> None:
        self._window = Names(WINDOWS)
        self._records: dict[tuple[str, ...], WindowRecord] = {}

    def look(self, accounts: Iterable[Account], now: float) -> None:
        """Take up the windows of `accounts` as they are at `now` (Unix seconds)."""
        fullest: dict[tuple[str, ...], WindowRecord] = {}
        for account in accounts:
            for name, record in account.windows.items():
                window = record.window
                if window.used_ratio is None or (window.resets_at is not None and window.resets_at <= now):
                    continue
                key = account.billing, self._window(name)
                known = fullest.get(key)
                if known is None or window.used_ratio > (known.window.used_ratio or 0.0):
                    fullest[key] = record
        self._records = fullest

    def used(self) -> Figures:
        return _told({key: record.window.used_ratio for key, record in self._records.items()})

    def projected(self) -> Figures:
        return _told({key: record.projected_ratio for key, record in self._records.items()})

    def resets_at(self) -> Figures:
        return _told({key: record.window.resets_at for key, record in self._records.items()})

    def full_at(self) -> Figures:
        return _told({key: record.full_at for key, record in self._records.items()})


def _told(figures: Mapping[tuple[str, ...], float | None]) -> Figures:
    return {key: figure for key, figure in figures.items() if figure is not None}
