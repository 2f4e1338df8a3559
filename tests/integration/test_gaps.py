"""Through the real Envoy: what passed while nobody looked is a gap, exactly and once; who broke off is told in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clauditor.demo import Hold, Pause, Reply, Simulator, Text
from clauditor.demo.ledger import Record
from clauditor.edge.envoy_stats import EVENTS, EnvoyStats
from clauditor.edge.logfile import LogFile
from clauditor.proxy.envoy import Admin
from clauditor.proxy.process import PidRecord
from clauditor.proxy.rundir import RunDir
from support.asking import Api
from support.books import Books, books
from support.stack import RunningStack, watched_vendor
from support.steady import BODY, Traffic
from support.waiting import until

pytestmark = pytest.mark.timeout(240)

SETTLED_SECONDS = 4.0  # longer than any line or copy is waited for: what is to be told has been told


def wall() -> float:
    """The vendor's clock."""
    return time.time()  # noqa: TID251 - the vendor writes it in its books


def accounted(vendor: Simulator, stack: RunningStack, seconds: float) -> tuple[list[Record], Books]:
    """The vendor's records, once each is known to be answered or to be a gap; nothing more comes after that."""
    records = list(vendor.ledger.records)
    sessions = {record.session_id for record in records}
    until(
        lambda: (found := books(stack)).answered | set(found.gaps) >= sessions,
        "every exchange accounted",
        seconds,
    )
    time.sleep(SETTLED_SECONDS)
    found = books(stack)
    assert found.answered | set(found.gaps) == sessions
    assert found.answered & set(found.gaps) == set()
    assert all(len(gaps) == 1 for gaps in found.gaps.values()), found.gaps
    assert len(found.exchanges) == len(set(found.exchanges))
    return records, found


def is_told_once(stack: RunningStack, session_ids: list[str]) -> None:
    for session_id in session_ids:
        shot = stack.json("show", session_id)
        shot = shot.get("session", shot)
        assert shot["unobserved"]["exchanges"] == 1, shot
        assert not shot["cost_complete"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Simulator, RunningStack]]:
    with watched_vendor(tmp_path, seed=5) as both:
        yield both


def test_what_passed_while_the_sidecar_was_dead_is_a_gap_exactly_and_once(
    pair: tuple[Simulator, RunningStack],
) -> None:
    vendor, stack = pair
    status = stack.status
    supervisor = PidRecord.read(RunDir(stack.data_dir).pid_file("supervisor"))
    assert supervisor is not None
    victim, keeper = int(status["sidecar"]["pid"]), supervisor.process.pid
    with Traffic(status["proxy"]["url"]).running("kill"):
        until(lambda: len(books(stack).answered) > 20, "calls on disk")
        os.kill(keeper, signal.SIGSTOP)  # or there would be a new sidecar at once
        try:
            killed_at = wall()
            os.kill(victim, signal.SIGKILL)
            time.sleep(2.5)
            back_from = wall()
        finally:
            os.kill(keeper, signal.SIGCONT)
        until(lambda: stack.status["sidecar"]["state"] == "running", "a new sidecar")
        back_at = wall()
        time.sleep(1.5)
    records, found = accounted(vendor, stack, seconds=10)
    away = [r.session_id for r in records if r.started_at > killed_at and r.ended_at < back_from]
    here = [r.session_id for r in records if r.ended_at < killed_at - 1 or r.started_at > back_at]
    assert len(away) > 20
    assert len(here) > 20
    assert set(away) <= set(found.gaps)
    assert set(here) & set(found.gaps) == set()
    sizes = {r.session_id: r.request_bytes + r.response_bytes for r in records}
    assert {name: found.gaps[name][0][1:] for name in away} == {
        name: ("missed", sizes[name]) for name in away
    }
    is_told_once(stack, away[:3])


def test_what_a_stopped_sidecar_did_not_get_is_a_gap_exactly_and_once(
    pair: tuple[Simulator, RunningStack],
) -> None:
    vendor, stack = pair
    status = stack.status
    victim = int(status["sidecar"]["pid"])
    with Traffic(status["proxy"]["url"]).running("stop"):
        until(lambda: len(books(stack).answered) > 20, "calls on disk")
        stopped_at = wall()
        os.kill(victim, signal.SIGSTOP)
        try:
            time.sleep(5.0)
        finally:
            os.kill(victim, signal.SIGCONT)
        back_at = wall()
        time.sleep(2.0)
    records, found = accounted(vendor, stack, seconds=10)
    assert len([r for r in records if r.started_at > stopped_at and r.ended_at < back_at]) > 20
    here = {r.session_id for r in records if r.ended_at < stopped_at - 1 or r.started_at > back_at + 1}
    assert len(here) > 20
    assert here & set(found.gaps) == set()


def test_a_call_under_way_at_a_restart_is_one_gap_also_when_its_line_comes(
    pair: tuple[Simulator, RunningStack],
) -> None:
    vendor, stack = pair
    vendor.script("long", Reply(steps=(Text("a" * 4000), Hold("go"), Text("b" * 4000))))
    url, victim = stack.proxy_url, int(stack.status["sidecar"]["pid"])
    asking = threading.Thread(target=ask, args=(url, "long"))
    asking.start()
    stack.session_when("long", lambda shot: shot["state"] == "streaming")
    time.sleep(0.6)  # a batch of the history is written
    os.kill(victim, signal.SIGKILL)
    until(lambda: stack.status["sidecar"]["pid"] not in (None, victim), "a new sidecar")
    until(lambda: stack.sessions()["long"]["unobserved"]["exchanges"] == 1, "the gap")
    vendor.release("go")
    asking.join(20)
    ask(url, "after")
    until(lambda: "after" in books(stack).answered, "a later call")
    time.sleep(SETTLED_SECONDS)
    assert [gap[1] for gap in books(stack).gaps["long"]] == ["restart"]
    assert stack.sessions()["long"]["unobserved"]["exchanges"] == 1


def test_many_quick_exchanges_at_once_leave_no_gap(pair: tuple[Simulator, RunningStack]) -> None:
    _, stack = pair
    count = 2000

    async def storm() -> None:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
            left = iter(range(count))

            async def one_by_one(name: str) -> None:
                headers = {"x-claude-code-session-id": name, "x-api-key": "k"}
                for _ in left:
                    answer = await client.post(f"{url}/v1/messages", json=BODY, headers=headers)
                    assert answer.status_code == 200

            await asyncio.gather(*(one_by_one(f"storm-{number}") for number in range(64)))

    url = stack.proxy_url
    asyncio.run(storm())
    until(lambda: len(books(stack).exchanges) == count, "every call on disk")
    time.sleep(SETTLED_SECONDS)
    found = books(stack)
    logged = access_log(stack)
    assert set(logged) == set(found.exchanges)  # the id of the one side is the id of the other
    assert (len(logged), len(found.exchanges), found.gaps) == (count, count, {})


def access_log(stack: RunningStack) -> list[str]:
    """Ids of the calls that Envoy logged."""
    lines = RunDir(stack.data_dir).access_log.read_bytes().splitlines()
    found = [httpx.Response(200, content=line).json() for line in lines]
    return [f"{each['connection_id']}-{each['start_time_us']}" for each in found]


def ask(url: str, name: str, *, until_bytes: int | None = None) -> float:
    """One call, left after so many bytes of its answer; returns when it was over (time.monotonic)."""
    headers = {"x-claude-code-session-id": name, "x-api-key": "k"}
    received = 0
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.Client(trust_env=False, timeout=30) as client,
        client.stream("POST", f"{url}/v1/messages", json=BODY, headers=headers) as answer,
    ):
        for chunk in answer.iter_raw():
            received += len(chunk)
            if until_bytes is not None and received >= until_bytes:
                break
    return time.monotonic()


LONG = (Text("word " * 400), Pause(20), Text("more"))


@pytest.mark.parametrize(
    ("reply", "leave_after", "kind", "state"),
    [
        (Reply(steps=LONG), 900, "aborted", "waiting"),
        (Reply.text("word " * 400, end="fin", cut_after_bytes=900), None, "stream", "retrying"),
        (Reply.text("word " * 400, end="rst", cut_after_bytes=900), None, "stream", "retrying"),
    ],
    ids=["the client leaves", "the upstream closes", "the upstream resets"],
)
def test_who_broke_a_stream_off_is_told_within_three_seconds_with_what_was_counted(
    pair: tuple[Simulator, RunningStack], reply: Reply, leave_after: int | None, kind: str, state: str
) -> None:
    vendor, stack = pair
    vendor.script("broken", reply)
    api = Api(stack)
    left_at = ask(stack.proxy_url, "broken", until_bytes=leave_after)
    shot = until(lambda: api.failed("broken"), "the failed attempt told")
    seconds = time.monotonic() - left_at
    sys.stdout.write(f"told as {kind} after {seconds:.2f} s\n")
    assert seconds < 3.0
    (record,) = until(lambda: vendor.ledger.of("broken") or None, "the vendor's record")
    assert record.usage is not None
    assert shot["tokens"]["input"] == record.usage.input > 0
    assert (shot["state"], shot["cost_complete"], shot["unobserved"]["exchanges"]) == (state, False, 0)
    time.sleep(SETTLED_SECONDS)  # the copy itself ends meanwhile: nothing is told twice
    found = books(stack)
    assert (found.calls["broken"], found.gaps) == ([kind], {})
    assert stack.sessions()["broken"]["failed_attempts"] == 1


def test_a_stream_that_a_killed_envoy_took_along_ends_and_is_not_held_against_anybody(
    pair: tuple[Simulator, RunningStack],
) -> None:
    vendor, stack = pair
    vendor.script("taken", Reply(steps=LONG))
    asking = threading.Thread(target=ask, args=(stack.proxy_url, "taken"))
    asking.start()
    stack.session_when("taken", lambda shot: shot["state"] == "streaming")
    os.kill(int(stack.status["proxy"]["pid"]), signal.SIGKILL)
    asking.join(20)
    until(lambda: "taken" in books(stack).calls, "the end of the call")
    found = books(stack)
    assert (found.calls, found.gaps) == ({"taken": ["proxy"]}, {})  # its line died with Envoy
    shot = stack.sessions()["taken"]
    assert (shot["failed_attempts"], shot["cost_complete"]) == (0, False)


def test_a_request_that_its_client_did_not_finish_is_no_gap(pair: tuple[Simulator, RunningStack]) -> None:
    _, stack = pair
    host, port = stack.proxy_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b'x-claude-code-session-id: half\r\n\r\n{"model":'
        )
        time.sleep(0.3)
    ask(stack.proxy_url, "later")
    until(lambda: "later" in books(stack).answered, "a later call")
    time.sleep(SETTLED_SECONDS)
    assert books(stack).gaps == {}


def test_a_log_that_is_rotated_under_traffic_loses_no_line(pair: tuple[Simulator, RunningStack]) -> None:
    vendor, stack = pair
    run = RunDir(stack.data_dir)
    reader = LogFile(run.access_log, reopen=Admin(run.admin_socket).reopen_logs, limit_bytes=4000)
    reader.open(None)
    read: list[bytes] = []

    def follow() -> int:
        while lines := reader.read():
            read.extend(raw.data for raw in lines)
        reader.keep_short([])
        return reader.counters.rotations

    with Traffic(stack.proxy_url, clients=8).running("turn"):
        until(lambda: follow() >= 8, "eight rotations", 40)
    _, found = accounted(vendor, stack, seconds=10)
    follow()
    assert len(read) == len(vendor.ledger.records) == len(set(read))
    assert found.gaps == {}  # the sidecar's own reader followed as well
    assert reader.counters.lost_files == 0


async def test_envoys_own_counters_are_read(pair: tuple[Simulator, RunningStack]) -> None:
    vendor, stack = pair
    run = RunDir(stack.data_dir)
    stats = EnvoyStats(Admin(run.admin_socket).figures)
    vendor.script("cut", Reply.text("word " * 400, end="rst", cut_after_bytes=900))
    vendor.script("left", Reply(steps=LONG))
    url = stack.proxy_url
    await asyncio.to_thread(ask, url, "cut")
    await asyncio.to_thread(ask, url, "left", until_bytes=900)
    await asyncio.sleep(0.5)
    await stats.refresh()
    assert set(stats.events) == set(EVENTS.values())
    assert (stats.events["upstream_break"], stats.events["client_abort"], stats.events["failed_open"]) == (
        1,
        1,
        0,
    )
    assert set(stats.connections) == {"client", "upstream", "sidecar"}
    api = Api(stack)
    await asyncio.to_thread(
        until, lambda: api.metric('clauditor_joined_exchanges_total{fate="joined"}') == 2, "both"
    )
    assert api.metric("clauditor_envoy_up") == 1
    assert api.get("/healthz").headers["date"].endswith(" GMT")
    assert api.metric('clauditor_envoy_events_total{event="upstream_break"}') == 1
    assert api.metric('clauditor_envoy_events_total{event="failed_open"}') == 0
    assert api.metric('clauditor_envoy_connections{peer="sidecar"}') >= 1
    assert api.metric('clauditor_access_log_lines_total{kind="calls"}') == 2
    away = EnvoyStats(Admin(run.path / "nobody.sock").figures)
    await away.refresh()
    assert (away.events, away.connections) == ({}, {})
