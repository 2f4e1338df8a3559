"""envoy: which program carries the traffic, and what is known to be wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime

from clauditor.setup.doctor.checks.words import count, short
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.setup.doctor.known import is_older

DIGEST_CHARACTERS = 16  # enough to compare with a friend's; the whole one is among the details


def check(facts: Facts) -> Finding:
    found = facts.envoy
    if isinstance(found, Unseen):
        return problem(
            found.reason, "install one (macOS: brew install envoy), or name it: clauditor up --envoy PATH"
        )
    known = facts.known.envoy
    age = _age(facts, found.version)
    text = f"{found.version}{age}, sha256 {found.digest[:DIGEST_CHARACTERS]}, {short(found.path, facts.home)}"
    gaps = known.gaps_of(found.version)
    details = (
        f"sha256 {found.digest}",
        f"as of {facts.known.as_of:%Y-%m-%d} the newest was {known.newest}",
        *(f"before {gap.fixed_in}: {gap.text}" for gap in gaps),
    )
    if grave := [gap for gap in gaps if gap.is_problem]:
        return problem(
            f"{text}: {grave[0].text}", f"take {known.newest} or newer: clauditor up --envoy PATH", *details
        )
    if known.newest is not None and is_older(found.version, known.newest):
        day = f" of {known.newest_on:%Y-%m-%d}" if known.newest_on else ""
        why = f" (mended: {gaps[-1].text})" if gaps else ""
        newer = f"as of {facts.known.as_of:%Y-%m-%d}, {known.newest}{day} is newer{why}"
        return note(text, f"{newer}; to take your own: clauditor up --envoy PATH", *details)
    return ok(text, *details)


def _age(facts: Facts, version: str) -> str:
    """When it came out and how long ago that is; empty where that is not known, or the clock says nonsense."""
    day = facts.known.envoy.released.get(version)
    if day is None:
        return ""
    days = (datetime.fromtimestamp(facts.now, UTC).date() - day).days
    return f" of {day:%Y-%m-%d} ({count(days, 'day')} old)" if days >= 0 else f" of {day:%Y-%m-%d}"


CHECK = Check(name="envoy", topic="proxy", check=check)
