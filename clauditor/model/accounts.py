"""The accounts that sessions use, and what each session took of their windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from clauditor.model.account import Account, Share
from clauditor.model.events import LimitsSeen, LimitWindow
from clauditor.model.session import Session

MAX_ACCOUNTS: Final = 256


class Accounts:
    """Accounts by name. A rise of a window is shared among the sessions that caused it."""

    def __init__(self) -> None:
        self.by_name: dict[str, Account] = {}

    def of(self, session: Session) -> Account | None:
        return self.by_name.get(session.account) if session.account else None

    def spend(self, session: Session, usd: float | None) -> None:
        """A call of the session finished and cost so much."""
        account = self.of(session)
        if account is not None and usd:
            account.spend(session.session_id, usd)

    def see(self, event: LimitsSeen, sessions: Mapping[str, Session]) -> None:
        """An answer told how full the windows are."""
        account = self._account(event.account, event.billing)
        for window in event.windows:
            for session_id, ratio in account.see(window, event.at).items():
                if (session := sessions.get(session_id)) is not None:
                    _add_share(session, window, ratio)

    def take_up(self, samples: Iterable[tuple[str, str, float, LimitWindow]]) -> None:
        """Readings from before a restart, oldest first: account, billing, when, window."""
        for name, billing, at, window in samples:
            self._account(name, billing).see(window, at)

    def shift(self, seconds: float) -> None:
        for account in self.by_name.values():
            account.shift(seconds)

    def _account(self, name: str, billing: str) -> Account:
        if name not in self.by_name and len(self.by_name) >= MAX_ACCOUNTS:
            del self.by_name[next(iter(self.by_name))]
        account = self.by_name.setdefault(name, Account(account=name, billing=billing))
        account.billing = billing
        return account


def _add_share(session: Session, window: LimitWindow, ratio: float) -> None:
    known = session.window_use.get(window.name)
    if known is None or known.resets_at != window.resets_at:
        known = session.window_use[window.name] = Share(resets_at=window.resets_at, ratio=0.0)
    known.ratio += ratio
