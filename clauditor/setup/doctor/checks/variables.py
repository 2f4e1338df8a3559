"""company proxy, hints: variables that break, or complete, the way from Claude Code to us.

Measured with Claude Code 2.1.330: HTTPS_PROXY and HTTP_PROXY count even for a loopback address.
"""

from __future__ import annotations

from clauditor.proxy.client_env import PROXY_VARIABLES
from clauditor.setup.doctor.checks.base_url import sends_here
from clauditor.setup.doctor.checks.effective import is_on, place, told
from clauditor.setup.doctor.checks.words import address
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem

HINTS = "CLAUDE_CODE_GATEWAY_HINT_HEADERS"
TOOL_SEARCH = "ENABLE_TOOL_SEARCH"


def company_proxy(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    found = told(client, *PROXY_VARIABLES)
    if found is None:
        return ok("none is set")
    exempt = told(client, "no_proxy", "NO_PROXY")
    names = {word.strip() for word in exempt.value.split(",")} if exempt else set()
    text = f"{place(found.source)} name{'' if place(found.source).endswith('settings') else 's'} {address(found.value)}"
    if names & {"*", "127.0.0.1", "localhost"}:
        return ok(f"{text}; NO_PROXY keeps this machine out of it")
    if sends_here(facts):
        return problem(
            f"{text}, and Claude would ask it for 127.0.0.1 too",
            "export NO_PROXY=127.0.0.1,localhost (clauditor install, run and env do it by themselves)",
        )
    return note(
        f"{text}; Claude would ask it for 127.0.0.1 too",
        "clauditor install, run and env set NO_PROXY by themselves",
    )


def hints(facts: Facts) -> Finding:
    client = facts.client
    if isinstance(client, Unseen):
        return client.finding()
    found = told(client, HINTS)
    if found is not None and is_on(found.value):
        return ok("Claude says which agent and prompt each request belongs to")
    if not sends_here(facts):
        return ok("not asked for: no session is sent here")
    return note(
        f"{HINTS} is not set, so agents and prompts are told apart by what requests look like",
        "clauditor install",
    )


COMPANY_PROXY = Check(name="company proxy", topic="claude", check=company_proxy)
HINT_HEADERS = Check(name="hint headers", topic="claude", check=hints)
