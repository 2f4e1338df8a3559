"""upstream: whether it is there and is who it says it is, and who chose it."""

from __future__ import annotations

from clauditor.setup.doctor.checks.words import address
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean


def check(facts: Facts) -> Finding:
    way = facts.way
    if isinstance(way, Unseen):
        return way.finding()
    through = f" through the company proxy {clean(way.proxy)}" if way.proxy else ""
    first, _, rest = clean(way.text).removeprefix("Envoy runs, but ").partition(". ")
    if not way.is_reached:
        is_advice = rest and not rest.startswith("The proxy")  # what the proxy does meanwhile is no remedy
        remedy = rest.rstrip(".") if is_advice else "check network, VPN, and clauditor up --upstream-proxy"
        return problem(f"{address(way.upstream)}{through}: {first.rstrip('.')}", remedy)
    text = f"{address(way.upstream)}{through}: {first.rstrip('.')}"
    if way.is_anthropic:
        return ok(text)
    return note(
        f"{text}; it is not Anthropic's, {way.asked_by or 'somebody'} chose it",
        "if that was not you: clauditor up --upstream https://api.anthropic.com",
    )


CHECK = Check(name="upstream", topic="proxy", check=check)
