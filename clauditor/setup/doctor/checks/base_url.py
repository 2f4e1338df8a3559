"""base URL, provider: where Claude Code sends its requests, who said so, and whether that is here.

Measured with Claude Code 2.1.330: what a settings file names beats the environment. `claude --settings` beats all but
the managed policy, and cannot be seen from outside.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from clauditor.config import ANTHROPIC
from clauditor.proxy.client_env import BASE_URL, OTHER_PROVIDERS
from clauditor.setup.doctor.checks.effective import Told, all_told, is_on, place, told
from clauditor.setup.doctor.checks.words import address, short
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def base_url(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    unreadable = [source for source in client.sources if source.trouble]
    if unreadable and (path := unreadable[0].path):
        return problem(
            f"{short(path, facts.home)} cannot be used: {unreadable[0].trouble}",
            "mend the file; Claude Code needs it too",
        )
    said = all_told(client, BASE_URL)
    if not said:
        return note(
            "no session is sent here: nobody sets it",
            "clauditor install, or for one session: clauditor run claude",
        )
    winner = said[0]
    finding = _judge(winner, facts)
    lines = [f"{_file(one, facts)}: {address(one.value)}" for one in said]
    beaten = f"; it beats {' and '.join(place(one.source) for one in said[1:])}" if len(said) > 1 else ""
    return Finding(
        level=finding.level,
        text=finding.text + beaten,
        remedy=finding.remedy,
        details=(*finding.details, *lines),
    )


def _file(said: Told, facts: Facts) -> str:
    """Who says so, with the file."""
    path = said.source.path
    return place(said.source) + (f" ({short(path, facts.home)})" if path else "")


def _judge(winner: Told, facts: Facts) -> Finding:
    stack = None if isinstance(facts.stack, Unseen) else facts.stack
    url = winner.value.rstrip("/")
    text = f"{place(winner.source)} {_verb(winner)} Claude to {address(winner.value)}"
    if url == ANTHROPIC:
        return note(f"{text}, past Clauditor", "clauditor on")
    ours = stack.proxy.url if stack is not None else None
    if _same(url, ours):
        if stack is not None and stack.proxy.state != "running":
            return problem(
                f"{text}, where our proxy does not answer: Claude cannot reach the API",
                "clauditor up (or, to go directly: clauditor off)",
            )
        return ok(text)
    if _is_loopback(url):
        return problem(
            f"{text}, which is not this proxy{f' ({ours})' if ours else ''}",
            "clauditor install, or name the right data directory with --data-dir",
        )
    if winner.source.scope in ("project", "local"):
        return problem(
            f"{text}: with it go your key and your prompts",
            f"if you do not know that address, remove it from {_file(winner, facts)}",
        )
    return note(
        f"{text}, past Clauditor",
        f"put Clauditor in front of it: clauditor up --upstream {address(url)}, then clauditor install",
    )


def provider(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    for variable, name in OTHER_PROVIDERS.items():
        if (found := told(client, variable)) and is_on(found.value):
            return note(
                f"{place(found.source)} {_verb(found)} Claude to {name} ({variable}), which Clauditor does not observe"
            )
    return ok("Anthropic's API, or a gateway that speaks it")


def sends_here(facts: Facts) -> bool:
    """Whether a Claude Code started here now would use this proxy, as far as that is known."""
    if isinstance(facts.client, Unseen) or isinstance(facts.stack, Unseen):
        return False
    winner = told(facts.client, BASE_URL)
    return winner is not None and _same(winner.value.rstrip("/"), facts.stack.proxy.url)


def _verb(said: Told) -> str:
    return "send" if place(said.source).endswith("settings") else "sends"


def _same(url: str, ours: str | None) -> bool:
    """Whether an address is our proxy's; `localhost` is as good as the number."""
    return ours is not None and _is_loopback(url) and _port(url) == _port(ours) and url.startswith("http://")


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


BASE = Check(name="base URL", topic="claude", check=base_url)
PROVIDER = Check(name="provider", topic="claude", check=provider)
