"""A private instance: a pretend vendor, and a stack with a data directory, ports and a life of its own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from clauditor.config import Settings, load_settings
from clauditor.demo import Reply, Simulator, Text
from clauditor.errors import ClauditorError
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.stack import Stack

# A second and a half of answer, in pieces of forty letters, fifty a second: as a fast model writes.
ANSWER: Final = Reply(
    steps=(Text("All work and no play. " * 135),), tokens_per_second=500, piece_characters=40
)
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stage:
    """What the clients and the faults work on."""

    def __init__(self, vendor: Simulator, settings: Settings, stack: Stack, proxy_url: str) -> None:
        self.vendor = vendor
        self.settings = settings
        self.stack = stack
        self.proxy_url = proxy_url

    @property
    def run(self) -> RunDir:
        return self.stack.run


@contextlib.contextmanager
def private_stage(environ: Mapping[str, str], envoy: Path | None) -> Iterator[Stage]:
    """Ends with nothing left: no process, no file, also after Ctrl-C; a second one does not stop the cleaning up.

    For the main thread. Raises ClauditorError if it cannot be started.
    """
    try:
        data_dir = Path(tempfile.mkdtemp(prefix="clauditor-drill-"))
    except OSError as error:
        raise ClauditorError(
            f"Cannot write to {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to another place."
        ) from error
    with contextlib.ExitStack() as closing:
        closing.callback(_handle, {number: signal.getsignal(number) for number in ENDING})
        closing.callback(_remove, data_dir)
        config = (
            data_dir / "config.toml"
        )  # an empty one: neither the user's file nor their variables are read
        config.touch(mode=0o600)
        vendor = closing.enter_context(Simulator())
        vendor.reply_with(lambda _request: ANSWER)
        flags = {
            "config": str(config),
            "data_dir": data_dir,
            "port": 0,
            "api_port": 0,
            "upstream": vendor.url,
            "upstream_proxy": "none",
            "envoy": envoy,
        }
        settings = load_settings(flags, environ={})
        own = {name: value for name, value in environ.items() if not name.startswith("CLAUDITOR_")}
        stack = Stack(settings, environ={**own, "CLAUDITOR_CONFIG": str(config)}, ends_with_caller=True)
        closing.callback(stack.stop)
        closing.callback(_handle, dict.fromkeys(ENDING, signal.SIG_IGN))
        yield Stage(vendor, settings, stack, stack.start().plan.proxy_url)


def _handle(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _remove(data_dir: Path) -> None:
    sockets = RunDir(data_dir).sockets
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.rmtree(sockets, ignore_errors=True)
