"""install, uninstall, on, off: every Claude Code of this user is watched, or none."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Final

import click

from clauditor.cli.options import STACK, settings_options
from clauditor.config import Settings, parse_upstream
from clauditor.errors import ClauditorError
from clauditor.proxy.client_env import NO_PROXY, settings_variables
from clauditor.proxy.reach import Check
from clauditor.proxy.stack import Stack, Started
from clauditor.proxy.upstream import Upstream, proxy_address
from clauditor.setup.commands import wanted
from clauditor.setup.install import Ground, Plan, Removed, apply, is_installed, look, plan_install
from clauditor.setup.install import uninstall as put_back
from clauditor.setup.record import records
from clauditor.setup.settings_file import shown, user_settings
from clauditor.setup.surroundings import existing_gateway, other_provider, stronger_settings, without_hooks
from clauditor.setup.switch import NOTICE_SECONDS, Switched, go_direct, go_through
from clauditor.text import clean, redact

_TRIES: Final = 3  # the client may write its settings at the very same moment

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
yes_accepted = click.option("--yes", is_flag=True, hidden=True, expose_value=False)  # these never ask


@click.command()
@settings_options(*STACK)
@yes_option
@click.option("--dry-run", is_flag=True, help="Show the plan and write nothing.")
def install(settings: Settings, yes: bool, dry_run: bool) -> None:
    """Let every Claude Code be watched, also those already open: shows what it would write, and asks.

    Starts the proxy if it does not run. Writes only its own keys into Claude Code's user settings; what is there is
    kept, and `clauditor uninstall` puts it back.
    """
    ground = _look(settings)
    settings = _adopted(settings, ground, yes=yes, dry_run=dry_run)
    stack = Stack(settings)
    found = stack.status()
    plan = _plan(settings, ground, found.proxy.url, found.upstream)
    _show(plan, settings, found.upstream)
    if dry_run:
        click.echo("\nNothing was written (--dry-run).")
        return
    if plan.changes and not yes:
        _ask("\nWrite this?")
    started = _started(stack, settings)
    plan = _written(settings, started)
    stack.run.stopped.unlink(missing_ok=True)
    said = (
        "Every Claude Code is watched" if plan.changes else "Nothing to change: every Claude Code is watched"
    )
    click.echo(f"\n{said}; sessions that are open, from their next prompt.")
    click.echo("Next: clauditor top. To leave: clauditor off (direct again, at once), clauditor uninstall.")


@click.command()
@settings_options(problems="say")
@yes_option
def uninstall(settings: Settings, yes: bool) -> None:
    """Take everything of Clauditor out of Claude Code's settings again.

    A file that nobody has changed since `install` is afterwards what it was, byte for byte; from any other only our
    own keys are taken out.
    """
    found = Stack(settings).status()
    urls = frozenset({found.proxy.url})
    known = dict.fromkeys([*(record.path for record in records(settings.data_dir)), _settings_path()])
    paths = [
        path for path in known if is_installed(settings.data_dir, path, urls=urls, upstream=found.upstream)
    ]
    if not paths:
        click.echo(f"Nothing of Clauditor is in {shown(_settings_path())}.")
        return
    if not yes:
        click.echo("Clauditor's keys will be taken out of " + ", ".join(map(shown, paths)) + ".")
        _ask("Go on?")
    if go_direct(settings.data_dir, reason="off").changed:
        click.echo(f"Sending open sessions direct first ({NOTICE_SECONDS:g} s).")
        time.sleep(NOTICE_SECONDS)
    for path in paths:
        click.echo(_removal(path, put_back(settings.data_dir, path, urls=urls)))
    if found.anything_runs:
        click.echo("The proxy still runs for what is under way; to stop it: clauditor down.")


@click.command()
@settings_options(*STACK)
@yes_accepted
def on(settings: Settings) -> None:
    """Send Claude Code through the proxy again after `clauditor off`; starts the proxy if it does not run."""
    if not records(settings.data_dir):
        raise ClauditorError("Nothing is installed here; to see the plan: clauditor install.")
    stack = Stack(settings)
    started = _started(stack, settings)
    switched = go_through(settings.data_dir, started.plan.proxy_url, started.plan.upstream, undo="any")
    _raise_problems(switched)
    stack.run.stopped.unlink(missing_ok=True)
    was = "" if switched.changed else "Already on: "
    click.echo(
        f"{was}Claude Code goes through the proxy, each session from its next prompt. Next: clauditor top."
    )


@click.command()
@settings_options(problems="say")
@yes_accepted
def off(settings: Settings) -> None:
    """Send Claude Code past the proxy, at once: each session goes direct from its next prompt.

    Hooks and status line stay; nothing is started again until `clauditor on`. What runs goes on running.
    """
    installed = records(settings.data_dir)
    switched = go_direct(settings.data_dir, reason="off")
    _raise_problems(switched)
    if not installed:
        click.echo(
            "Nothing is installed here, so Claude Code goes direct already. To see the plan: clauditor install."
        )
        return
    run = Stack(settings).run
    if run.path.is_dir():
        run.write(run.stopped, "")
    was = "" if switched.changed else "Already off: "
    click.echo(
        f"{was}Claude Code goes direct, each session from its next prompt. To watch again: clauditor on."
    )


def _look(settings: Settings) -> Ground:
    """The user's settings file; raises ClauditorError if it cannot be changed, or Claude does not use the API."""
    ground = look(settings.data_dir, _settings_path(), urls=frozenset({Stack(settings).status().proxy.url}))
    if reason := other_provider(os.environ, ground.settings):
        raise ClauditorError(reason)
    return ground


def _adopted(settings: Settings, ground: Ground, *, yes: bool, dry_run: bool) -> Settings:
    """The settings, with a gateway that Claude is sent to already as their upstream, if the person wants that.

    Keys that were meant for it must never go elsewhere, so there is no other way past this.
    """
    found = Stack(settings).status()
    ours = frozenset({found.proxy.url, *((ground.before.proxy_url,) if ground.before else ())})
    gateway = existing_gateway(
        os.environ, ground.settings, ground.file.path, ours=ours, upstream=found.upstream
    )
    if gateway is None:
        return settings
    url, place = gateway
    shown = redact(clean(url))
    sentence = f"{place} already sends Claude to {shown}. Put Clauditor in front of it: "
    if found.anything_runs:
        raise ClauditorError(f"{sentence}clauditor down, then clauditor up --upstream {shown}")
    try:
        upstream = parse_upstream(url)
    except ValueError as error:
        raise ClauditorError(
            f"{place} sends Claude to {shown}, where Clauditor cannot forward to: {error}."
        ) from error
    if not dry_run:
        if yes or not sys.stdin.isatty() or settings.flagged("upstream"):
            raise ClauditorError(f"{sentence}clauditor up --upstream {shown}")
        _ask(f"{place} sends Claude to {shown}.\nPut Clauditor in front of it (requests go on to there)?")
    return dataclasses.replace(settings, upstream=upstream, origins={**settings.origins, "upstream": "flag"})


def _plan(settings: Settings, ground: Ground, proxy_url: str, upstream: str) -> Plan:
    named = ground.settings.get("env", {})
    variables = settings_variables(proxy_url, os.environ, named, upstream=upstream)
    # A shell that knows no company proxy says nothing of the others.
    before = ground.before.env if ground.before else {}
    for name in NO_PROXY & before.keys():
        variables.setdefault(name, before[name])
    return plan_install(ground, wanted(settings, variables))


def _show(plan: Plan, settings: Settings, upstream: str) -> None:
    if not plan.changes:
        click.echo(f"All of it stands in {shown(plan.ground.file.path)} already.")
        return
    click.echo(f"Claude Code will go through the proxy on this machine, which forwards to {upstream}.")
    click.echo("Written for that, and taken out again by clauditor uninstall:\n")
    click.echo("\n".join(plan.lines))
    file = plan.ground.file
    for sentence in (*without_hooks(plan.ground.settings, file.path), *stronger_settings(Path.cwd())):
        click.echo(f"\nNote: {sentence}", err=True)
    if file.content is not None:
        click.echo(f"\nThe file as it is now is kept in {shown(settings.data_dir)} (0600) until then.")


def _started(stack: Stack, settings: Settings) -> Started:
    """The stack, running, with an upstream that was reached; raises ClauditorError if there is no way through it."""
    started = stack.start(check_upstream=True)
    reach = started.reach
    if reach is None:  # it ran before
        chosen = started.plan.choices.get("upstream_proxy")
        as_started = dataclasses.replace(
            settings,
            upstream=started.plan.upstream,
            upstream_proxy=chosen if isinstance(chosen, str) else None,
        )
        proxy = proxy_address(as_started, os.environ)
        reach = Check(Upstream.of(started.plan.upstream), stack.run.upstream_ca, proxy).result()
    if not reach.ok:
        raise ClauditorError(f"{reach.text} Your settings were not changed.")
    if not stack.proxy_is_ours():
        raise ClauditorError(
            f"Another user's program listens on port {started.plan.port}, and would get your keys; "
            "your settings were not changed. Choose another port: clauditor down, then clauditor up --port 0"
        )
    return started


def _written(settings: Settings, started: Started) -> Plan:
    """The plan that was written, for the addresses that the stack really has."""
    for _ in range(_TRIES):
        ground = _look(settings)
        plan = _plan(settings, ground, started.plan.proxy_url, started.plan.upstream)
        if apply(settings.data_dir, plan, upstream=started.plan.upstream):
            return plan
    raise ClauditorError(f"{shown(_settings_path())} is being changed by another program; try again.")


def _settings_path() -> Path:
    return user_settings(os.environ)


def _removal(path: Path, removed: Removed | None) -> str:
    if removed is None:
        return f"Nothing of Clauditor was left in {shown(path)}."
    if removed.exact:
        return f"{shown(path)} is as it was before install, byte for byte. Claude Code goes direct."
    names = ", ".join(removed.names)
    return f"Taken out of {shown(path)}: {names}. What else is in it stays. Claude Code goes direct."


def _raise_problems(switched: Switched) -> None:
    if switched.problems:
        raise ClauditorError(" ".join(switched.problems))


def _ask(question: str) -> None:
    """Go on only after a yes; raises ClauditorError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ClauditorError("This asks before it writes; without a terminal, give --yes.")
    if not click.confirm(question):
        click.echo("Nothing was changed.")
        sys.exit(0)
