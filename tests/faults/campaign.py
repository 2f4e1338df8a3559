"""The parts of the long campaign, and the shorter ones of them. Each writes a section of docs/reliability.md."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from faults import away, claude, claude_hooks, faults
from faults.catalogue import APART, in_a_laboratory_of_its_own, of_the_sidecar, of_the_upstream
from faults.commands import STATES, cost_of_commands, limit_seconds
from faults.crowd import crowd
from faults.history import history
from faults.kinds import FOUR, MATRIX, SMALL
from faults.lab import laboratory
from faults.matrix import Cell, cell
from faults.report import HEAD, Section, line, row
from faults.silence import through_the_stack
from faults.space import space
from faults.stalls import stall
from faults.strikes import strikes

SILENT_SECONDS: Final = 1200.0
GONE_SECONDS: Final = 45.0  # Envoy looks a name up every 30 s
TOOL_SECONDS: Final = 0.02


def matrix(directory: Path) -> Section:
    """Every fault with every kind of body."""
    found: list[Cell] = []

    def add(each: Cell) -> None:
        found.append(each)
        sys.stdout.write("\n  ".join([line(each), *each.complaints]) + "\n")
        sys.stdout.flush()

    is_whole = False
    with contextlib.suppress(KeyboardInterrupt):  # who has no more time gets what there is
        for make in APART:
            for kind in (SMALL, FOUR):
                with in_a_laboratory_of_its_own(fault := make()) as lab:
                    add(cell(lab, fault, kind))
        with laboratory(directory, settings=faults.Blocked.settings) as lab:
            for kind in MATRIX:
                for fault in (*of_the_sidecar(), *of_the_upstream(), faults.EnvoyKilled()):
                    add(cell(lab, fault, kind))
        is_whole = True
    section = Section(
        complaints=[f"{each.fault} x {each.kind}: {why}" for each in found for why in each.complaints]
    )
    section.say(
        f"{len(found)} cells. Pauses are those between two pieces of a body in milliseconds, p50 / p99 / longest, at"
        " Clauditor's Envoy and at a bare one at the same time; *failed* is what clients noticed. Where the history"
        " itself was harmed, only what came after is asked for."
    )
    if not is_whole:
        section.complaints.append("it was interrupted: the cells that are missing were not tried")
    section.table(HEAD, (row(each) for each in found))
    gone = [
        strike.healed_at - strike.began_at
        for each in found
        if each.fault == faults.EnvoyKilled.name
        for strike in each.strikes
    ]
    if gone:
        section.say(f"An Envoy that was killed was back and ready after {max(gone):.2f} s at the latest.")
        section.complaints += ["a killed Envoy was away for more than a second"] if max(gone) > 1 else []
    return section


def silence(directory: Path) -> Section:
    """Twenty minutes without a byte."""
    found = through_the_stack(directory, SILENT_SECONDS)
    section = Section(complaints=[] if found.survived else ["the silent stream died"])
    section.say(
        f"A stream in which nothing was said for {max(found.heard.pauses):.0f} s came to its end, identical:"
        f" **{'yes' if found.survived else 'no'}** (status {found.heard.status}, {found.heard.error or 'no error'})."
        " With Envoy's own timeouts put back, scaled down, such a stream dies: `tests/faults/test_defaults.py`."
    )
    return section


def client(directory: Path) -> Section:
    """The real Claude Code client."""
    found = claude.play(directory)
    is_well = (found["code"], found["is_error"], found["result"]) == (0, False, "All done.")
    section = Section(complaints=[] if is_well else [f"the client did not finish: {found}"])
    section.say(
        f"The real client ({found['version']}), one prompt with {len(claude.SCRIPT)} tools; in the middle of each"
        f" answer something was killed: {', '.join(found['killed'])}. It finished: **{'yes' if is_well else 'no'}**, in"
        f" {found['seconds']:.1f} s and {found['turns']} turns. The answers that a killed sidecar had not seen to their"
        f" end are told as {found['unobserved']} gaps."
    )
    return section


def network(directory: Path) -> Section:
    """Names that cannot be looked up, packets that vanish."""
    for place in ("name", "hole"):
        (directory / place).mkdir()
    name = away.play("name", directory / "name", seconds=GONE_SECONDS)
    hole = away.play("hole", directory / "hole")
    section = Section()
    if set(name["while it was gone"].values()) != {"200"} or name["stream"] != "200":
        section.complaints.append("requests failed while the name was gone")
    if set(hole["after"].values()) != {"200"}:
        section.complaints.append("requests failed after the black hole")
    section.complaints += [
        f"black hole: otherwise than at bare Envoy {when} it"
        for when in ("before", "during", "after")
        if len(set(hole[when].values())) > 1
    ]
    section.say(
        f"*DNS gone.* No such name when the proxy starts: it answers {_both(name['at the start'])}, and"
        f" {name['found after']:.1f} s after the name is there requests pass. Gone again for {name['gone for']:.0f} s,"
        f" longer than between two look-ups: a new request {_both(name['while it was gone'])}, the stream that was open"
        f" {name['stream']}."
    )
    section.say(
        "*Black hole.* Every packet to the upstream vanishes, and a pooled connection lies ready: after"
        f" {hole['seconds']:.1f} s the client is told {_both(hole['during'])}, which it tries again by itself; once"
        f" packets pass, {_both(hole['after'])}."
    )
    return section


def _both(outcomes: dict[str, Any]) -> str:
    return f"{outcomes['watched']} (bare: {outcomes['bare']})"


def commands(directory: Path) -> Section:
    """Hooks and status line."""
    for place in ("commands", "client"):
        (directory / place).mkdir()
    with laboratory(directory / "commands") as lab:
        before = limit_seconds()
        found = cost_of_commands(lab, times=15)
        most = max(before, limit_seconds())
    section = Section(
        complaints=[
            f"{name}, sidecar {state}: {cost.median * 1000:.0f} ms"
            for (name, state), cost in found.items()
            if cost.median > most
        ]
    )
    section.say(
        "The whole command, start of Python included, in milliseconds: median of 15 runs (quickest). It may take 200 ms,"
        f" and on a busy machine as much longer as it gives the sidecar to answer: {most * 1000:.0f} ms this time."
    )
    section.table(
        ["command", *(f"sidecar {state}" for state in STATES)],
        [
            [
                name,
                *(
                    f"{found[name, state].median * 1000:.0f} ({found[name, state].quickest * 1000:.0f})"
                    for state in STATES
                ),
            ]
            for name in dict.fromkeys(name for name, _ in found)
        ],
    )
    call = claude_hooks.play(directory / "client")
    added = call["with"] - call["without"]
    section.complaints += [f"hooks add {added * 1000:.0f} ms to a tool call"] if added > TOOL_SECONDS else []
    section.say(
        "The real client runs hooks asynchronously. From an answer that asks for a tool to the next request, with the"
        f" sidecar stopped: {call['without'] * 1000:.0f} ms without our hooks, {call['with'] * 1000:.0f} ms with them"
        f" (lower quartile of {claude_hooks.ROUNDS * claude_hooks.TOOLS} calls each, in turns)."
    )
    return section


PARTS: Final[dict[str, Callable[[Path], Section]]] = {
    "strikes": strikes,
    "stall": stall,
    "silence": silence,
    "client": client,
    "network": network,
    "commands": commands,
    "matrix": matrix,
    "history": history,
    "space": space,
    "crowd": crowd,
}
