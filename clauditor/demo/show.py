"""The whole demo: pretend vendor, a private stack of its own, pretend clients; all of it ends together.

The stack is an ordinary one: it is told an upstream and a data directory, and nothing else. It ends by itself
when this process does, however that happens.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import logging.handlers
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from clauditor.config import Settings, load_settings
from clauditor.demo.hooks import HookPost
from clauditor.demo.play import play
from clauditor.demo.simulator import Simulator
from clauditor.errors import ClauditorError
from clauditor.proxy.plan import Plan
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.stack import Stack

_END_SECONDS: Final = 5.0
_LEDGER_LIMIT: Final = 2_000  # a demo may run for days
_LOG_LIMIT_BYTES: Final = 1 << 20


class Show:
    """Starts on entering, and leaves nothing behind. `ended` is called once when the play is over.

    The data directory is a new one in `parent` (default: the system's place for such). `config` is a settings
    file to obey, for an Envoy of one's own and the like; ports and upstream are the show's in any case.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        seed: int = 1,
        speed: float = 1.0,
        once: bool = False,
        parent: Path | None = None,
        config: Path | None = None,
        envoy: Path | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.simulator = Simulator(
            seed=seed, speed=speed, billing="plan", encoding="gzip", ledger_limit=_LEDGER_LIMIT
        )
        self.settings: Settings
        self.plan: Plan
        self._environ = environ
        self._seed, self._speed, self._once = seed, speed, once
        self._parent, self._config, self._envoy = parent, config, envoy
        self._ended = ended
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _start(self) -> None:
        try:
            data_dir = Path(tempfile.mkdtemp(prefix="clauditor-demo-", dir=self._parent))
        except OSError as error:
            place = self._parent or tempfile.gettempdir()
            raise ClauditorError(
                f"Cannot write to {place}: {error.strerror}; choose another place with --data-dir."
            ) from error
        removal = self._closing.enter_context(contextlib.ExitStack())
        removal.callback(_remove, data_dir)
        self._log_to(data_dir / "demo.log")
        config = self._config
        if config is None:  # an empty one of its own: neither the user's file nor their variables are read
            config = data_dir / "config.toml"
            config.touch(mode=0o600)
        self._closing.enter_context(self.simulator)
        flags = {
            "config": str(config),
            "data_dir": data_dir,
            "port": 0,
            "api_port": 0,
            "upstream": self.simulator.url,
            "upstream_proxy": "none",
            "envoy": self._envoy,
        }
        self.settings = load_settings(flags, environ={})
        environ = {name: value for name, value in self._environ.items() if not name.startswith("CLAUDITOR_")}
        environ["CLAUDITOR_CONFIG"] = str(config)
        stack = Stack(self.settings, environ=environ, ends_with_caller=True)
        self._closing.callback(stack.stop)
        try:
            self.plan = stack.start().plan
        except ClauditorError as error:
            if str(data_dir) in str(error):  # it names a log to read
                removal.pop_all()
            raise
        playing = self.simulator.submit(self._play())
        playing.add_done_callback(lambda _done: self._ended())
        self._closing.callback(_cancel, playing)

    async def _play(self) -> None:
        hook = HookPost(self.plan.api_url, self.settings.data_dir / "token")
        try:
            await play(
                self.simulator,
                self.plan.proxy_url,
                seed=self._seed,
                speed=self._speed,
                once=self._once,
                hook=hook,
            )
        finally:
            await hook.close()

    def _log_to(self, path: Path) -> None:
        """The screen belongs to the screen: what the demo logs goes to a file of its own."""
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_LOG_LIMIT_BYTES, backupCount=1, encoding="utf-8"
        )
        root = logging.getLogger()
        root.addHandler(handler)
        self._closing.callback(handler.close)
        self._closing.callback(root.removeHandler, handler)


def _cancel(playing: concurrent.futures.Future[None]) -> None:
    """Ends the play and waits until its clients are closed."""
    over = threading.Event()
    playing.add_done_callback(lambda _done: over.set())
    playing.cancel()
    over.wait(_END_SECONDS)


def _remove(data_dir: Path) -> None:
    sockets = RunDir(data_dir).sockets
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.rmtree(sockets, ignore_errors=True)
