"""All looks side by side, each in a thread of its own, none waited for longer than a moment.

What hangs (a stopped sidecar, a name server, a sleeping disk) is left behind: its part of the facts is `Unseen`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from clauditor.errors import ClauditorError
from clauditor.setup.doctor import known
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Unseen
from clauditor.setup.doctor.look import client, machine, program, recording, stack, upstream
from clauditor.setup.doctor.look.scene import Scene

SECONDS: Final = 2.2  # the longest look, a handshake, gives up after 2.0; with the start of Python below 3 s

Look = Callable[[Scene], object]
LOOKS: Final[Mapping[str, Look]] = {
    "way": upstream.look,  # first: it waits for others
    "recording": recording.look_at_recording,
    "stack": stack.look,
    "envoy": program.look,
    "client": client.look,
    "ports": stack.look_at_ports,
    "passing": client.look_for_passing,
    "files": machine.look_at_files,
    "disk": machine.look_at_disk,
    "history": recording.look_at_history,
    "limits": machine.look_at_limits,
    "clock": machine.look_at_clock,
    "tools": machine.look_at_tools,
    "settings": machine.look_at_settings,
}
"""By the name of the part of `Facts` that each fills."""


def gather(scene: Scene, *, looks: Mapping[str, Look] = LOOKS, seconds: float = SECONDS) -> Facts:
    """Everything that could be seen within `seconds`. Never raises."""
    seen: dict[str, Any] = {}

    def see(name: str, look: Look) -> None:
        try:
            seen[name] = look(scene)
        except ClauditorError as error:
            seen[name] = Unseen(str(error).rstrip("."))
        except Exception as error:  # noqa: BLE001 - one look that fails must not hide the others
            seen[name] = Unseen(getattr(error, "strerror", None) or repr(error))

    deadline = time.monotonic() + seconds
    threads = [threading.Thread(target=see, args=item, name=item[0], daemon=True) for item in looks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Unseen(f"no answer within {seconds:.0f} s")
    return Facts(
        now=scene.now, home=scene.home, known=known.load(), **{name: seen.get(name, late) for name in looks}
    )
