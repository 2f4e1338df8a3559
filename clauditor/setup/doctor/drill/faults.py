"""The drill itself: undisturbed, sidecar killed, sidecar stopped, Envoy killed; then the books are compared."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from clauditor.client import connect
from clauditor.errors import ClauditorError
from clauditor.proxy.process import Process
from clauditor.proxy.running import Name, running
from clauditor.setup.doctor.drill.clients import Answer, Clients
from clauditor.setup.doctor.drill.outcome import Outcome, Phase, Recorded, longest
from clauditor.setup.doctor.drill.stage import Stage, private_stage

UNDISTURBED: Final = "undisturbed"
KILLED: Final = "sidecar killed"
STOPPED: Final = "sidecar stopped"
PROXY_KILLED: Final = "Envoy killed"

CALM_SECONDS: Final = 2.5  # longer than an answer, so that some end in every phase
STOPPED_SECONDS: Final = 7.0  # longer than Envoy waits for a sign of life (3 s and 3 s)
BACK_SECONDS: Final = 5.0
BOOKS_SECONDS: Final = 6.0
POLL_SECONDS: Final = 0.02

Say = Callable[[str], None]


def drill(environ: Mapping[str, str], envoy: Path | None, say: Say) -> Outcome:
    """Run it, in less than half a minute; `say` gets the name of each phase as it begins.

    Raises ClauditorError if the private instance cannot be started.
    """
    began = time.monotonic()
    say("starting")
    with (
        private_stage(environ, envoy) as stage,
        Clients(stage.proxy_url, stage.vendor.url) as clients,
    ):
        back: dict[str, float | None] = {}

        def enter(phase: str) -> None:
            clients.phase = phase
            say(phase)

        enter(UNDISTURBED)
        time.sleep(CALM_SECONDS)

        enter(KILLED)
        sidecar = _program(stage, "sidecar")
        sidecar.signal(signal.SIGKILL)
        back[KILLED] = _until_back(lambda: _serves(stage, other_than=sidecar))
        time.sleep(CALM_SECONDS)

        enter(STOPPED)
        stopped = _program(stage, "sidecar")
        stopped.signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        stopped.signal(signal.SIGCONT)
        back[STOPPED] = _until_back(lambda: _serves(stage))

        enter(PROXY_KILLED)
        envoy_process = _program(stage, "envoy")
        envoy_process.signal(signal.SIGKILL)
        back[PROXY_KILLED] = _until_back(lambda: _proxies(stage, other_than=envoy_process))
        time.sleep(CALM_SECONDS)  # those that were cut off ask again

        answers = clients.stop()
        stage.vendor.ledger.wait(
            0, timeout_seconds=BACK_SECONDS
        )  # its books are closed a moment after its answers
        say("comparing the books")
        recorded = _recorded(stage, answers)
        phases = tuple(
            _phase(name, answers, stage, back.get(name))
            for name in (UNDISTURBED, KILLED, STOPPED, PROXY_KILLED)
        )
    return Outcome(phases=phases, recorded=recorded, seconds=time.monotonic() - began)


def _program(stage: Stage, name: Name) -> Process:
    """One of the private programs."""
    record = running(stage.run, name)
    if record is None:
        raise ClauditorError(f"The drill's own {name} does not run; try again.")
    return record.process


def _until_back(is_back: Callable[[], bool]) -> float | None:
    """Seconds until it is; None: not in time."""
    began = time.monotonic()
    while time.monotonic() < began + BACK_SECONDS:
        if is_back():
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None


def _serves(stage: Stage, other_than: Process | None = None) -> bool:
    part = stage.stack.status().sidecar
    return part.state == "running" and (other_than is None or part.pid != other_than.pid)


def _proxies(stage: Stage, other_than: Process) -> bool:
    part = stage.stack.status().proxy
    return part.state == "running" and part.pid != other_than.pid


def _phase(name: str, answers: list[Answer], stage: Stage, back: float | None) -> Phase:
    ended = [one for one in answers if one.phase == name and one.route == "proxy"]
    return Phase(
        name=name,
        breaks_streams=name == PROXY_KILLED,
        answers=len(ended),
        identical=sum(one.error is None and _is_identical(one, stage) for one in ended),
        errors=sum(one.error is not None for one in ended),
        pause=longest([one.pauses for one in answers if one.route == "proxy"], name),
        direct_pause=longest([one.pauses for one in answers if one.route == "direct"], name),
        back_seconds=back,
    )


def _is_identical(answer: Answer, stage: Stage) -> bool:
    """Whether the vendor received what was sent and sent what was received."""
    records = stage.vendor.ledger.of(answer.session_id)
    return len(records) == 1 and (records[0].request_sha256, records[0].response_sha256) == (
        answer.request_sha256,
        answer.sha256,
    )


def _recorded(stage: Stage, answers: list[Answer]) -> Recorded | None:
    """What the sidecar knows of the exchanges that the vendor saw through the proxy, once it has had time."""
    ids = {one.session_id for one in answers if one.route == "proxy"}
    exchanges = sum(len(stage.vendor.ledger.of(session_id)) for session_id in ids)
    found: Recorded | None = None
    deadline = time.monotonic() + BOOKS_SECONDS
    while time.monotonic() < deadline:
        try:
            sidecar = connect(stage.settings)
            snapshots = sidecar.sessions(limit=1000)
            gaps = sidecar.gaps(days=1, limit=1).get("total")
        except ClauditorError:
            time.sleep(POLL_SECONDS)
            continue
        found = Recorded(
            exchanges=exchanges,
            whole=sum(_is_whole(shot) for shot in snapshots if shot.get("session_id") in ids),
            gaps=int(gaps.get("exchanges", 0)) if isinstance(gaps, dict) else 0,
        )
        if not found.unexplained:
            break
        time.sleep(10 * POLL_SECONDS)
    return found


def _is_whole(snapshot: Mapping[str, Any]) -> bool:
    """Whether the one exchange of this session was seen to its end, however it ended."""
    unobserved = snapshot.get("unobserved")
    missing = unobserved.get("exchanges") if isinstance(unobserved, dict) else 0
    return (
        not missing
        and snapshot.get("attempts") == 1
        and snapshot.get("state") not in ("thinking", "streaming", "tool")
    )
