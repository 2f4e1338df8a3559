"""claude, not watched, behind a proxy: the client itself, who of it is not seen, and what any proxy changes for it."""

from __future__ import annotations

from clauditor.setup.doctor.checks.base_url import sends_here
from clauditor.setup.doctor.checks.effective import told
from clauditor.setup.doctor.checks.variables import TOOL_SEARCH
from clauditor.setup.doctor.checks.words import count, short
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.setup.doctor.known import is_older
from clauditor.text import clean

SHOWN = 3  # processes that are named in the line


def version(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    if client.path is None:
        return note("no `claude` on the PATH of this shell")
    where = short(client.path, facts.home)
    if client.version is None:
        return note(f"{where} does not tell its version", "if that is Claude Code: claude --version")
    known = facts.known.claude_code
    text = f"Claude Code {clean(client.version)}, {where}"
    gaps = known.gaps_of(client.version)
    details = tuple(f"before {gap.fixed_in}: {gap.text}" for gap in gaps)
    if grave := [gap for gap in gaps if gap.is_problem]:
        return problem(f"{text}: {grave[0].text}", "claude update", *details)
    if gaps:
        return note(f"{text}: {gaps[0].text}", "claude update", *details)
    if is_older(_minor(known.measured), _minor(client.version)):
        return note(
            f"{text}; Clauditor was measured with {known.measured}, so something may read differently"
        )
    return ok(text)


def not_watched(facts: Facts) -> Finding:
    found = facts.passing
    if isinstance(found, Unseen):
        return found.finding()
    if not found:
        return ok("no Claude Code process goes past Clauditor")
    named = ", ".join(f"{one.pid} {clean(one.directory or '')}".strip() for one in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    plural = "goes" if len(found) == 1 else "go"
    return note(
        f"{count(len(found), 'Claude Code process', 'Claude Code processes')} {plural} past Clauditor: {named}{more}",
        "clauditor install (from their next prompt on), or start them with: clauditor run claude",
        *(f"{one.pid} {clean(one.directory or '')}".strip() for one in found),
    )


def behind(facts: Facts) -> Finding:
    """What is different, and could be otherwise, of that."""
    if isinstance(facts.client, Unseen) or not sends_here(facts):
        return ok("no session of this shell is sent through one")
    text = "Remote Control and the client's cache keepalive are off; a session writes about 12k more cache tokens"
    details = (
        "off behind any proxy: Remote Control, cache keepalive, the client's own diagnosis of cache misses",
        "not used behind any proxy: the global scope of the prompt cache",
    )
    if told(facts.client, TOOL_SEARCH) is None:
        return note(
            f"{text}; tool search may be held back ({TOOL_SEARCH} is not set)", "clauditor install", *details
        )
    return note(text, "nothing to do; the whole list: docs/behind-a-proxy.md", *details)


def _minor(text: str) -> str:
    return ".".join(text.split(".")[:2])


VERSION = Check(name="claude", topic="claude", check=version)
NOT_WATCHED = Check(name="not watched", topic="claude", check=not_watched)
BEHIND = Check(name="behind a proxy", topic="claude", check=behind)
