"""demo: eight pretend sessions through a real stack, to look at before anything is installed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from clauditor.cli.options import SettingType
from clauditor.errors import ClauditorError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Another seed, another play."
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=1.0,
    show_default=True,
    help="How many times faster than life.",
)
@click.option("--once", is_flag=True, help="End when every story was told once.")
@click.option("--headless", is_flag=True, help="No screen: print the addresses and play until stopped.")
@click.option("--envoy", type=SettingType("envoy"), metavar="PATH", help="An Envoy program of your own.")
@click.option(
    "--data-dir", type=SettingType("data_dir"), metavar="DIR", help="Where to make the throw-away directory."
)
@click.option(
    "--config", type=SettingType("config"), metavar="FILE", help="Settings file (TOML).  [default: none]"
)
def demo(
    *,
    seed: int,
    speed: float,
    once: bool,
    headless: bool,
    envoy: Path | None,
    data_dir: Path | None,
    config: str | None,
) -> None:
    """Watch eight pretend sessions, without an account. `q` ends it.

    A pretend vendor and pretend clients run on this machine, with a real proxy and a real sidecar between them.
    Their data directory is thrown away afterwards; your own settings and data are not touched.
    """
    if not headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ClauditorError("The screen needs a terminal; without one: clauditor demo --headless.")
    from clauditor.demo.show import Show

    os.umask(0o077)
    stop = threading.Event()
    with (
        _stopped_by_signals(stop),
        Show(
            environ=os.environ,
            seed=seed,
            speed=speed,
            once=once,
            parent=data_dir,
            config=None if config is None else Path(config).absolute(),
            envoy=envoy,
            ended=stop.set,
        ) as show,
    ):
        if headless:
            click.echo(f"proxy     {show.plan.proxy_url}")
            click.echo(f"sidecar   {show.plan.api_url}")
            click.echo(f"upstream  {show.simulator.url}")
            click.echo(f"data      {show.settings.data_dir}")
            stop.wait()
        else:
            from clauditor.ui.top.run import run_top

            run_top(show.settings, should_stop=stop.is_set, rings=False)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """A signal asks for the end; it never interrupts a start or the cleaning up."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
