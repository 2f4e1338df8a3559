"""The sink as the daemon has it: a real hub, signals that come and go, real ways out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from clauditor.alerts import webhook
from clauditor.alerts.rules import AlertRules
from clauditor.alerts.sink import Alerts
from clauditor.hub import Hub
from clauditor.model.events import AttemptStarted, LabelFound, SignalRaised
from clauditor.model.packing import pack, unpack
from support.life import MODEL, NOW, Book
from support.ringing import Receiver, Recorder
from support.waiting import eventually, until

SESSION = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"
SILENT = AlertRules(desktop=False)


def begin(hub: Hub, session_id: str = SESSION, *, at: float = NOW, project: str | None = "webshop") -> None:
    """A request is sent, and no answer comes: after 90 s the session is stalled."""
    hub.publish(
        AttemptStarted(
            at=at,
            session_id=session_id,
            exchange_id=f"{session_id}-{at}",
            identity="header",
            request_class="main",
            model=MODEL,
            messages_digest=str(at),
            project=project,
        )
    )


class House:
    """A hub with alerts, ticking as fast as the test likes."""

    def __init__(self, rules: AlertRules, environ: dict[str, str] | None = None) -> None:
        self.alerts = Alerts(rules, environ=environ or {"PATH": "/usr/bin:/bin"}, platform="linux")
        self.hub = Hub(book=Book(), sinks=[self.alerts])

    def pass_time(self, start: float, seconds: int) -> None:
        for second in range(seconds + 1):
            self.hub.tick(start + second)
            self.alerts.tick(self.hub, start + second)


@contextlib.asynccontextmanager
async def running(alerts: Alerts) -> AsyncIterator[None]:
    task = asyncio.create_task(alerts.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_signal_of_the_hub_reaches_each_way_that_is_set_up(
    receiver: Receiver, notify_send: Recorder, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script = f"cat >> {told}"
    house = House(
        AlertRules(webhook=receiver.url, command=("/bin/sh", "-c", script)), environ=notify_send.environ
    )
    async with running(house.alerts):
        begin(house.hub)
        house.pass_time(NOW, 100)
        await eventually(lambda: house.alerts.delivered() == {"desktop": 1, "webhook": 1, "command": 1})
        house.pass_time(NOW + 101, 200)
    assert notify_send.calls()[0]["arguments"][2] == "Clauditor: webshop"
    fact = json.loads(receiver.requests[0][2])
    assert json.loads(told.read_text()) == fact
    assert (fact["session_id"], fact["signal"], fact["severity"]) == (SESSION, "stalled", "act")
    assert house.alerts.delivered() == {"desktop": 1, "webhook": 1, "command": 1}
    assert house.alerts.failed() == house.alerts.dropped() == {"desktop": 0, "webhook": 0, "command": 0}


async def test_without_a_desktop_nothing_is_tried() -> None:
    nowhere = {"PATH": "/nowhere"}
    assert House(AlertRules(), nowhere).alerts.delivered() == {}
    assert House(AlertRules(desktop=True), nowhere).alerts.delivered() == {"desktop": 0}


@pytest.mark.parametrize("webhook_labels", [False, True])
async def test_a_label_leaves_only_on_request(receiver: Receiver, *, webhook_labels: bool) -> None:
    house = House(AlertRules(desktop=False, webhook=receiver.url, webhook_labels=webhook_labels))
    async with running(house.alerts):
        begin(house.hub)
        house.hub.publish(LabelFound(at=NOW, session_id=SESSION, label="fix \x1b[31mthe login"))
        house.pass_time(NOW, 100)
        await eventually(lambda: house.alerts.delivered() == {"webhook": 1})
    fact = json.loads(receiver.requests[0][2])
    assert fact.pop("label", None) == ("fix the login" if webhook_labels else None)
    assert "login" not in json.dumps(fact)


async def test_a_muted_session_is_silent(receiver: Receiver) -> None:
    house = House(AlertRules(desktop=False, webhook=receiver.url))
    async with running(house.alerts):
        begin(house.hub, "muted")
        begin(house.hub, "loud")
        house.pass_time(NOW, 89)
        house.hub.tick(NOW + 90)
        assert house.hub.mute("muted", NOW + 90, is_muted=True)
        house.pass_time(NOW + 91, 60)
        await eventually(lambda: house.alerts.delivered() == {"webhook": 1})
    assert [json.loads(body)["session_id"] for _, _, body in receiver.requests] == ["loud"]


async def test_what_held_before_a_restart_does_not_ring_again() -> None:
    before = House(SILENT)
    begin(before.hub)
    before.hub.publish(
        SignalRaised(
            at=NOW + 1,
            session_id=SESSION,
            name="model_fallback",
            severity="watch",
            evidence="measured",
            summary="Answered by sonnet.",
            short="sonnet",
            next_step="/model",
        )
    )
    kept = unpack(pack(before.hub.sessions[SESSION]))
    assert kept is not None
    after = House(AlertRules(desktop=False, command=("true",)))
    after.hub.restore([kept], NOW + 2)
    async with running(after.alerts):
        after.pass_time(NOW + 2, 120)
    assert after.alerts.delivered() == {"command": 0}


async def test_a_delivery_that_hangs_delays_nothing(receiver: Receiver) -> None:
    over, reached = threading.Event(), threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        reached.set()
        over.wait(30)

    receiver.answers = [hang]
    house = House(AlertRules(desktop=False, webhook=receiver.url, command=("true",)))
    try:
        async with running(house.alerts):
            begin(house.hub, "s0")
            house.pass_time(NOW, 95)
            await eventually(reached.is_set)
            async with asyncio.timeout(4):  # the webhook would take 5 s to give up
                for number in range(1, 100):
                    begin(house.hub, f"s{number}", at=NOW + 100)
                house.pass_time(NOW + 100, 100)
                await eventually(
                    lambda: house.alerts.delivered()["command"] + house.alerts.dropped()["command"] == 100
                )
            assert house.alerts.delivered()["webhook"] == 0
            assert house.alerts.dropped()["webhook"] == 99 - 64
        assert house.alerts.delivered()["webhook"] == 0
    finally:
        over.set()


async def test_a_stop_is_quick_whatever_hangs() -> None:
    house = House(AlertRules(desktop=False, command=("sleep", "600")))
    loop = asyncio.get_running_loop()
    async with running(house.alerts):
        begin(house.hub)
        house.pass_time(NOW, 95)
        child: Any = house.alerts._programs[0]._way
        await eventually(lambda: child._program._child is not None)
        began = loop.time()
    assert loop.time() - began < 1
    assert child._program._child.wait(10) != 0


def test_a_process_ends_at_once_whatever_hangs(receiver: Receiver) -> None:
    over = threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        over.wait(30)

    receiver.answers = [hang]
    code = """if True:
        import asyncio, sys
        from clauditor.alerts.rules import AlertRules
        from clauditor.alerts.sink import Alerts
        from support.ringing import alert

        async def main():
            alerts = Alerts(AlertRules(desktop=False, webhook=sys.argv[1]))
            task = asyncio.create_task(alerts.run())
            alerts._programs[0].offer(alert())
            await asyncio.to_thread(sys.stdin.readline)
            task.cancel()

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", code, receiver.url],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdin is not None
            until(lambda: receiver.requests)
            began = time.monotonic()
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert process.wait(10) == 0
            assert time.monotonic() - began < webhook.TIMEOUT_SECONDS / 2
        finally:
            over.set()
            process.kill()


def test_events_that_say_nothing_of_signals_are_passed_over() -> None:
    house = House(SILENT)
    begin(house.hub)
    assert house.hub.errors == {}
