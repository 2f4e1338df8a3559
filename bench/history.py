"""What a long history costs: bytes a turn, the time of every question and of a start, and of forgetting.

    python bench/history.py [TURNS]     (default 1,000,000; takes about ten minutes)

Goals (P8): at most 400 bytes a turn; a page of `sessions` and `show` at most 50 ms; a start at most 1 s. Forgetting
holds up writing for at most 50 ms at a time. Signals come from the hub, about one raised and cleared every ten turns.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from clauditor.edge.report import report
from clauditor.hub import Hub
from clauditor.model.events import (
    AttemptFinished,
    AttemptStarted,
    FirstToken,
    ResponseStarted,
    SessionEnded,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.usage import Usage
from clauditor.pricing import Pricing, load_user_prices
from clauditor.store.database import open_for_writing
from clauditor.store.retention import Retention, steps
from clauditor.store.rows import Names
from clauditor.store.spending import SpentBy
from clauditor.store.sqlite import connect
from clauditor.store.store import Store

START: Final = 1_790_000_000.0
SESSIONS_AT_ONCE: Final = 6
MODEL: Final = "claude-opus-5-5"
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"

rolled = random.Random(1)


class Worker:
    """One session of 5 to 60 calls with about one tool each."""

    def __init__(self) -> None:
        self.session_id = new_uuid()
        self.calls_left = rolled.randint(5, 60)
        self.prompt_id = new_uuid()
        self.project = rolled.choice(["webshop", "infra", "etl", "docs"])
        self.context = 20_000
        self.tools: list[str] = []

    def call(self, hub: Hub, at: float, exchange_id: str) -> None:
        same = {"session_id": self.session_id, "exchange_id": exchange_id}
        if rolled.random() < 0.2:
            self.prompt_id = new_uuid()
        hub.publish(
            AttemptStarted(
                at=at,
                identity="header",
                request_class="main",
                model=MODEL,
                messages_digest=exchange_id,
                client="claude-cli/2.1.330",
                entrypoint="cli",
                prompt_id=self.prompt_id,
                project=self.project,
                branch="main",
                account="abcdef0123456789",
                request_bytes=rolled.randint(50_000, 500_000),
                session_id=self.session_id,
                exchange_id=exchange_id,
            )
        )
        for tool in self.tools:
            took = rolled.random() * 5
            result_bytes = rolled.randint(10, 50_000)
            hub.publish(
                ToolReturned(
                    at=at,
                    tool_use_id=tool,
                    outcome="ok",
                    result_bytes=result_bytes,
                    duration_seconds=took,
                    **same,
                )
            )
        hub.publish(ResponseStarted(at=at + 0.8, status=200, request_id=new_id("req_01"), **same))
        hub.publish(FirstToken(at=at + 1.2, model=MODEL, session_id=self.session_id, exchange_id=exchange_id))
        self.tools = [new_id("toolu_01") for _ in range(rolled.choice([0, 1, 1, 1, 1, 2]))]
        for tool in self.tools:
            name = rolled.choice(["Bash", "Read", "Edit", "Write", "mcp__jira__search"])
            target = rolled.choice(["login_test.py", "pytest", "git", "main.rs"])
            hub.publish(
                ToolCalled(at=at + 3, tool_use_id=tool, name=name, target=target, input_bytes=300, **same)
            )
        self.context += rolled.randint(500, 4_000)
        usage = Usage(
            input=rolled.randint(2, 20),
            output=rolled.randint(50, 4_000),
            cache_read=self.context,
            cache_write_5m=rolled.randint(500, 4_000),
            service_tier="standard",
        )
        hub.publish(
            AttemptFinished(
                at=at + 4 + rolled.random() * 20,
                model=MODEL,
                usage=usage,
                stop_reason="tool_use",
                message_id=new_id("msg_01"),
                request_id=new_id("req_01"),
                session_id=self.session_id,
                exchange_id=exchange_id,
            )
        )
        self.calls_left -= 1


def new_uuid() -> str:
    return str(uuid.UUID(int=rolled.getrandbits(128), version=4))


def new_id(prefix: str) -> str:
    return prefix + "".join(rolled.choices(LETTERS, k=22))


def fill(path: Path, turns: int) -> float:
    """Let sessions make `turns` calls; returns the time of the last."""
    store = Store(path)
    hub = Hub(
        book=Pricing(load_user_prices(path.with_name("prices.toml"))),
        sinks=[store.sink],
        revive=store.load_session,
    )
    workers = [Worker() for _ in range(SESSIONS_AT_ONCE)]
    at = START
    for number in range(1, turns + 1):
        at += 3 + rolled.random()
        place = rolled.randrange(SESSIONS_AT_ONCE)
        worker = workers[place]
        worker.call(hub, at, f"{number}-{int(at * 1e6)}")
        if not worker.calls_left:
            hub.publish(SessionEnded(at=at + 30, session_id=worker.session_id, reason="hook"))
            workers[place] = Worker()
        if number % 20 == 0:
            store.sink.flush()
            hub.tick(at)
        if number % 2_000 == 0:
            while not store.writer.is_idle:
                time.sleep(0.005)
    store.close(timeout_seconds=60)
    if store.writer.rows_dropped or store.problem:
        raise SystemExit(f"{store.writer.rows_dropped} rows dropped; {store.problem}")
    return at


def timed(name: str, ask: Callable[[], object]) -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    print(f"{name:34} first {times[0] * 1e3:8.1f} ms   median {sorted(times)[2] * 1e3:8.1f} ms")


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "clauditor.db"
        began = time.perf_counter()
        now = fill(path, turns)
        print(f"{turns} turns written in {time.perf_counter() - began:.0f} s")
        sizes(path, turns)

        def start() -> None:
            opened = Store(path)
            opened.load_open_sessions(now)
            opened.close()

        timed("start (open, check, restore)", start)
        store = Store(path)
        ask(store, now)
        store.close()
        forget(path, now)


def sizes(path: Path, turns: int) -> None:
    print(f"{path.stat().st_size / turns:.1f} bytes a turn")
    db = connect(path)
    tables = "SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC LIMIT 8"
    for name, size in db.execute(tables):
        print(f"  {name:30} {size / turns:8.1f}")
    signals = db.execute("SELECT count(*) FROM signals").fetchone()[0]
    sessions = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
    print(f"{sessions} sessions, {signals / turns:.2f} signals a turn")
    db.close()


def ask(store: Store, now: float) -> None:
    """Every question of the API and the command line."""
    history = store.history
    pages: dict[str, dict[str, Any]] = {
        "": {},
        "thinking": {"state": "thinking"},
        "search finds nothing": {"search": "zzz"},
        "project": {"project": "WebShop"},
        "project finds nothing": {"project": "zzz"},
        "model": {"model": "opus"},
        "verdict act": {"verdict": "act"},
        "signal": {"signal": "needs_answer"},
        "by cost": {"sort": "cost"},
        "by context": {"sort": "context"},
        "by start": {"sort": "started"},
        "project, verdict, by cost": {"project": "infra", "verdict": "watch", "sort": "cost"},
        "signal, last 7 days, by cost": {
            "signal": "needs_answer",
            "since": now - 7 * 86_400,
            "sort": "cost",
        },
    }
    for name, asked in pages.items():
        timed(
            f"sessions, 50, {name}".rstrip(", "),
            partial(history.sessions, now=now, limit=50, **asked),
        )
    timed("sessions, 1000", lambda: history.sessions(now=now, limit=1_000))
    one = history.sessions(now=now, limit=1)[0]["session_id"]
    timed("show (session, side calls, turns)", lambda: (
        history.session(one, now), store.calls.side_calls(one), store.calls.turns(one, limit=20)
    ))  # fmt: skip
    timed("postmortem", lambda: report(store, one, None, now))
    days = {
        count: time.strftime("%Y-%m-%d", time.localtime(now - (count - 1) * 86_400)) for count in (7, 3650)
    }
    for by in get_args(SpentBy):
        for count, first in days.items():
            timed(f"spend by {by}, {count} days", partial(store.spending.table, by, first))
    timed("summary of a week", lambda: store.spending.since(days[7]))
    for name, asked in {
        "": {},
        "of a session": {"session_id": one},
        "of a name": {"name": "needs_answer"},
        "of no name": {"name": "zzz"},
        "act": {"severity": "act"},
    }.items():
        timed(
            f"signals, 50, {name}".rstrip(", "),
            partial(store.signals.signals, now=now, limit=50, **asked),
        )
    timed("limit samples of 5 hours", lambda: history.limit_samples(now - 18_000))
    timed("revive one session", lambda: store.load_session(one))


def forget(path: Path, now: float) -> None:
    """By age: the older half of the calls. By size: down to half of what is left. Then all sessions."""
    db = open_for_writing(path)
    span = now - START
    later = now + 90 * 86_400 - span / 2
    for name, retention, at in (
        ("forget half by age", Retention(), later),
        ("forget half by size", Retention(max_bytes=path.stat().st_size // 4), later),
        ("forget all sessions", Retention(), now + 401 * 86_400),
        ("forget nothing", Retention(), now + 401 * 86_400),
    ):
        times: list[float] = []
        work, removed = steps(db, Names(db), retention, at), 0
        while True:
            began = time.perf_counter()
            step = next(work, None)
            times.append(time.perf_counter() - began)
            if step is None:
                break
            removed += step
        times.sort()
        print(
            f"{name:34} {removed:8} rows in {sum(times):6.1f} s, {len(times)} steps: median {times[len(times) // 2] * 1e3:.2f} ms,"
            f" p99 {times[-1 - len(times) // 100] * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms;"
            f" file {path.stat().st_size / 1e6:.0f} MB"
        )
    db.close()


if __name__ == "__main__":
    main()
