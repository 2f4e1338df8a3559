"""The faults: what each does to the laboratory, how it is undone, and what it may cost.

`prepare` and `restore` stand around any number of strikes; `strike` and `heal` around one. Each returns when it is so.
"""

from __future__ import annotations

import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, Literal

from clauditor.demo import Reply
from faults.clients import PATIENCE_SECONDS
from faults.kinds import SMALL
from faults.lab import SIDES, Lab, Pretender
from support.waiting import until

Unseen = Literal["nothing", "some", "spanning", "all"]
"""Which exchanges the sidecar cannot have seen wholly: none; nobody knows; those that lasted longer than the fault; all
that it touched.
"""
Cuts = Literal["nothing", "open streams", "as bare"]
"""What a client may notice: nothing, the end of streams that were open, or what a client of bare Envoy notices."""


class Fault:
    """A fault that does nothing: the others say what they do otherwise."""

    name: ClassVar[str] = "none"
    seconds: float = 1.0
    """How long it lasts."""
    unseen: Unseen = "nothing"
    cuts: Cuts = "nothing"
    is_away = False
    """The sidecar is away from `prepare` to `restore`."""
    finds_streams = True
    """Whether a stream of copies can be open when it strikes."""
    harms_history = False
    """What passed before it was healed may be missing in the history; what passes then may not."""
    settings: ClassVar[str] = ""
    """The settings file that this fault needs."""
    needs_root = False
    may_add_p99_seconds: float = 0.05
    """How much longer pauses may be than at bare Envoy."""

    def prepare(self, lab: Lab) -> None: ...

    def held(self, lab: Lab) -> int:
        """How many streams of copies the other side itself counts as open."""
        return lab.open_exchanges()

    def strike(self, lab: Lab) -> None: ...

    def heal(self, lab: Lab) -> None: ...

    def restore(self, lab: Lab) -> None: ...


class Killed(Fault):
    """SIGKILL, and nobody starts it again while the fault lasts."""

    name = "kill -9"
    unseen: Unseen = "all"

    def __init__(self) -> None:
        self._kept_down = contextlib.ExitStack()

    def strike(self, lab: Lab) -> None:
        self._victim = lab.process("sidecar")
        self._kept_down.enter_context(lab.supervisor_stopped())
        self._victim.signal(signal.SIGKILL)
        assert self._victim.wait(5)

    def heal(self, lab: Lab) -> None:
        self._kept_down.close()
        lab.until_ready("sidecar", other_than=self._victim)


class Restarted(Fault):
    """SIGTERM: it takes its leave, and a new one comes."""

    name = "restart"
    unseen: Unseen = "all"
    seconds = 0.0

    def strike(self, lab: Lab) -> None:
        self._victim = lab.process("sidecar")
        self._victim.signal(signal.SIGTERM)
        assert self._victim.wait(10)

    def heal(self, lab: Lab) -> None:
        lab.until_ready("sidecar", other_than=self._victim)


class Stopped(Fault):
    name = "SIGSTOP"
    unseen: Unseen = "some"

    def strike(self, lab: Lab) -> None:
        self._victim = lab.process("sidecar")
        self._victim.signal(signal.SIGSTOP)

    def heal(self, lab: Lab) -> None:
        self._victim.signal(signal.SIGCONT)
        until(lambda: lab.get("/healthz").status_code == 200, "a sidecar that answers again")


class Blocked(Fault):
    """Its loop stands still, its process does not: pings are answered. The watchdog that would end it is off."""

    name = "blocked loop, watchdog off"
    unseen: Unseen = "some"
    settings = "watchdog_seconds = 0\n"

    def strike(self, lab: Lab) -> None:
        (lab.levers / "blocked").touch()
        lab.process("sidecar").signal(signal.SIGUSR1)

    def heal(self, lab: Lab) -> None:
        (lab.levers / "blocked").unlink()
        until(lambda: lab.get("/healthz").status_code == 200, "a sidecar that answers again")


MOODS: Final = {
    "slow": "slow, 1 s a message",
    "deaf": "not reading",
    "garbage": "garbage replies",
    "flood": "flood of replies",
    "spurious": "spurious replies",
    "immediate": "immediate responses",
}
"""What another program in the sidecar's place does wrong, and its name in the pages."""


class Impostor(Fault):
    """Another program in the sidecar's place, well-behaved until it is struck."""

    unseen: Unseen = "all"
    is_away = True

    def __init__(self, mood: str, name: str) -> None:
        self.mood = mood
        self.name = name  # type: ignore[misc]  # one class, six faults
        if (
            mood == "flood"
        ):  # Envoy's worker reads each reply before it throws it away, and does nothing else meanwhile
            self.may_add_p99_seconds = 0.5

    def prepare(self, lab: Lab) -> None:
        self._kept_down = contextlib.ExitStack()
        self._victim = lab.process("sidecar")
        self._kept_down.enter_context(lab.supervisor_stopped())
        self._victim.signal(signal.SIGKILL)
        assert self._victim.wait(5)
        self._pretender = Pretender(lab.stack.run.extproc_socket)

    def held(self, lab: Lab) -> int:
        return self._pretender.become("well")

    def strike(self, lab: Lab) -> None:
        self._pretender.become(self.mood)

    def heal(self, lab: Lab) -> None:
        self._pretender.become("well")

    def restore(self, lab: Lab) -> None:
        self._pretender.end()
        self._kept_down.close()
        lab.until_ready("sidecar", other_than=self._victim)


class Absent(Fault):
    """Nothing listens for copies since the proxy began, in a laboratory where the sidecar `is_absent`."""

    name = "absent at start"
    unseen: Unseen = "all"
    is_away = True
    finds_streams = False
    seconds = 1.5

    def restore(self, lab: Lab) -> None:
        (lab.levers / "absent").unlink()
        lab.until_ready("sidecar")


class ClockSet(Fault):
    """The sidecar's wall clock is set by so many seconds, and back."""

    seconds = 2.5  # it looks every second

    def __init__(self, by_seconds: int, name: str) -> None:
        self._by_seconds = by_seconds
        self.name = name  # type: ignore[misc]

    def strike(self, lab: Lab) -> None:
        lever = lab.levers / "clock"
        lever.with_suffix(".new").write_text(str(self._by_seconds))
        lever.with_suffix(".new").replace(lever)

    def heal(self, lab: Lab) -> None:
        (lab.levers / "clock").unlink()


class EnvoyKilled(Fault):
    """The proxy itself: what was open is cut, a new one listens within a second."""

    name = "Envoy killed"
    unseen: Unseen = "some"
    cuts = "open streams"
    seconds = 0.0

    def strike(self, lab: Lab) -> None:
        self._victim = lab.process("envoy")
        self._victim.signal(signal.SIGKILL)
        assert self._victim.wait(5)

    def heal(self, lab: Lab) -> None:
        lab.until_ready("envoy", other_than=self._victim)


class Upstream(Fault):
    """The vendor answers otherwise for a while; a client must notice what it would notice without us."""

    cuts = "as bare"

    def __init__(self, answer: Reply, name: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._otherwise = (answer, patience_seconds)
        self.name = name  # type: ignore[misc]

    def strike(self, lab: Lab) -> None:
        lab.otherwise = self._otherwise
        with ThreadPoolExecutor() as pool:  # at least one client notices it at either proxy
            list(pool.map(lambda side: lab.ask(side, SMALL), SIDES))

    def heal(self, lab: Lab) -> None:
        lab.otherwise = None
