"""alert-test: one made-up alert by each way that is set up, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from clauditor.cli.options import settings_options
from clauditor.config import Settings
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from clauditor.alerts.alert import Alert

Test = tuple[str, Callable[[], str]]


@click.command("alert-test")
@settings_options()
@click.option("--desktop", "asked", flag_value="desktop", multiple=True, help="Only on the desktop.")
@click.option("--webhook", "asked", flag_value="webhook", multiple=True, help="Only to the webhook.")
@click.option("--command", "asked", flag_value="command", multiple=True, help="Only to your command.")
def alert_test(settings: Settings, asked: tuple[str, ...]) -> None:
    """Send one made-up alert each way you have set up, and say what happened.

    What rings, and how to set up a way: docs/alerts.md. Here it is sent from this shell; the sidecar sends from
    where `clauditor up` was called.
    """
    sent = failed = 0
    for name, test in _tests(settings):
        if asked and name not in asked:
            continue
        try:
            click.echo(f"{name}: {test()}")
            sent += 1
        except _OffError as reason:
            click.echo(f"{name}: off. {reason}", err=bool(asked))
            failed += bool(asked)
        except ClauditorError as error:
            click.echo(f"{name}: failed. {error}", err=True)
            failed += 1
    if failed:
        raise click.exceptions.Exit(1)
    if not sent:
        raise ClauditorError("No way is set up, so nothing would ring; see the remedies above.")


class _OffError(Exception):
    """Not set up; says how it would be."""


def _tests(settings: Settings) -> Iterator[Test]:
    from clauditor.alerts.command import Command
    from clauditor.alerts.desktop import Desktop
    from clauditor.alerts.webhook import Webhook

    rules, file = settings.alerts, settings.config_file
    alert = _made_up()

    def desktop() -> str:
        from clauditor.alerts.alert import toast_of

        way = Desktop()
        reason = way.obstacle()
        if rules.desktop is False:
            raise _OffError(f"desktop = false under [alerts] in {file} says so.")
        if reason is not None and rules.desktop is None:
            raise _OffError(reason)
        if reason is not None:
            raise ClauditorError(reason)
        toast = toast_of([alert])
        way.deliver(toast)
        return f'sent. Look for "{toast.title}".'

    def webhook() -> str:
        if rules.webhook is None:
            raise _OffError(f'To set it up: webhook = "https://..." under [alerts] in {file}.')
        way = Webhook(rules.webhook)
        way.deliver(alert)
        return f"sent. {way.host} took it{', at the second attempt' if way.retries else ''}."

    def command() -> str:
        if not rules.command:
            raise _OffError(f'To set it up: command = ["/path/to/program"] under [alerts] in {file}.')
        way = Command(rules.command)
        way.deliver(alert)
        return f"sent. {way.program} ended well."

    yield from (("desktop", desktop), ("webhook", webhook), ("command", command))


def _made_up() -> Alert:
    from clauditor.alerts.alert import Alert
    from clauditor.ui.clock import now

    return Alert(
        session_id="00000000-0000-4000-8000-000000000000",
        project="alert-test",
        signal="needs_answer",
        severity="act",
        summary="This is a test: no session waits for you.",
        short="only a test",
        next_step="Nothing to do.",
        since=now(),
    )
