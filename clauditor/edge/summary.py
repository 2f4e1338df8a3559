"""What was spent lately, and how full the accounts' windows are: the sums of the summary and of the web page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from clauditor.edge.sources import Kept, Live
from clauditor.errors import HistoryError

HOUR_SECONDS: Final = 3600.0
WEEK_DAYS: Final = 7
UNREAD: Final = "Spending cannot be read now; the sidecar's log says why."

log = logging.getLogger(__name__)


class Sums:
    """Every method blocks and may raise HistoryError. `now` tells Unix seconds."""

    def __init__(self, *, hub: Live, store: Kept, now: Callable[[], float]) -> None:
        self._hub = hub
        self._store = store
        self._now = now

    def first_day(self, days: int) -> date:
        """The first of the last so many local days, today included."""
        today = datetime.fromtimestamp(self._now()).date()  # noqa: DTZ006 - days are the user's own
        return today - timedelta(days=days - 1)

    def spent(self) -> dict[str, Any]:
        """`today`, this `week` and in the `last_hour`, as far as it was seen."""
        an_hour_ago = self._now() - HOUR_SECONDS
        return {
            "today": self._spent_since(self.first_day(1)),
            "week": self._spent_since(self.first_day(WEEK_DAYS)),
            "last_hour": self._as_seen(self._store.spending.ended_since(an_hour_ago), an_hour_ago),
        }

    def headline(self) -> dict[str, Any]:
        """What `spent` says, as far as it can be read, and `history_problem`."""
        try:
            spent = self.spent()
        except HistoryError as error:
            log.warning("spending could not be read: %s", error)
            return {"history_problem": self._store.problem or UNREAD}
        return spent | {"history_problem": self._store.problem}

    def limits(self) -> dict[str, dict[str, Any]]:
        """Every account's windows as last told of."""
        return self.with_live_windows(self._store.history.limits())

    def with_live_windows(self, limits: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Kept windows under what the hub knows of them, which is newer. Does not block."""
        for account, windows in self._hub.limits().items():
            known = limits.setdefault(account, {"billing": None, "windows": {}})
            for name, record in windows.items():
                known["windows"][name] = known["windows"].get(name, {"at": None}) | {
                    "used_ratio": record.window.used_ratio,
                    "resets_at": record.window.resets_at,
                    "status": record.window.status,
                    "projected_ratio": record.projected_ratio,
                    "full_at": record.full_at,
                }
        return limits

    def _spent_since(self, first: date) -> dict[str, Any]:
        since = datetime.combine(first, datetime.min.time()).timestamp()
        return self._as_seen(self._store.spending.since(first.isoformat()), since)

    def _as_seen(self, spent: dict[str, Any], since: float) -> dict[str, Any]:
        """With what passed unseen since then."""
        unobserved = self._store.history.unobserved(since)
        complete = spent["cost_complete"] and not unobserved["exchanges"]
        return {"since": since} | spent | {"cost_complete": complete, "unobserved": unobserved}
