"""hooks, status line: whether Claude Code runs them, whether they can run, and whether they could hold it up."""

from __future__ import annotations

from clauditor.setup.doctor.checks.base_url import sends_here
from clauditor.setup.doctor.checks.effective import place
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean

INSTALL = "clauditor install"


def hooks(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    found = [hook for source in client.sources for hook in source.hooks]
    if not found:
        harm = ": dialogs show late, and nothing starts the proxy after a reboot" if sends_here(facts) else ""
        return note(f"not installed{harm}", INSTALL)
    if missing := [hook for hook in found if hook.missing]:
        return problem(f"{clean(str(missing[0].missing))} does not exist, so none of them can run", INSTALL)
    if slow := [hook.event for hook in found if not hook.is_async]:
        return problem(
            f"Claude waits for those of {', '.join(map(clean, slow))}: they are not asynchronous", INSTALL
        )
    events = {hook.event for hook in found}
    if absent := [event for event in client.wanted_hooks if event not in events]:
        return note(f"installed, but not for {', '.join(absent)}", INSTALL)
    if disabled := [source for source in client.sources if source.hooks_disabled]:
        return note(
            f"installed, but {place(disabled[0])} {'turn' if place(disabled[0]).endswith('s') else 'turns'} all hooks off (disableAllHooks)"
        )
    return ok(f"{len(events)} events, asynchronous")


def status_line(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    for source in client.sources:
        if source.status_line == "none":
            continue
        if source.status_line == "another":
            return note(f"{place(source)} name another one", "clauditor install keeps it and prints below it")
        if source.status_line_missing:
            return problem(f"{clean(source.status_line_missing)} does not exist", INSTALL)
        return ok(f"installed in {place(source)}")
    return note("not installed", INSTALL)


HOOKS = Check(name="hooks", topic="claude", check=hooks)
STATUS_LINE = Check(name="status line", topic="claude", check=status_line)
