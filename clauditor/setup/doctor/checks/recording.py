"""recording, history: whether all that passed was seen, and whether the past can be read."""

from __future__ import annotations

from clauditor.setup.doctor.checks.words import count, short, size
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean


def recording(facts: Facts) -> Finding:
    found = facts.recording
    if isinstance(found, Unseen):
        stack = facts.stack
        is_away = not isinstance(stack, Unseen) and stack.sidecar.state != "running"
        return note("nothing is recorded now: the sidecar does not run") if is_away else found.finding()
    if not found.gaps:
        return ok("no gap in the last day")
    reasons = ", ".join(f"{clean(reason)} {number}" for reason, number in found.reasons.items())
    return note(
        f"{count(found.gaps, 'exchange')} of the last day passed unseen ({size(found.unseen_bytes)}"
        f'{f"; {reasons}" if reasons else ""}); totals say "at least"',
        "what ended the sidecar stands in sidecar.log in run/ of the data directory",
    )


def history(facts: Facts) -> Finding:
    found = facts.history
    if isinstance(found, Unseen):
        return found.finding()
    said = facts.recording.history_problem if not isinstance(facts.recording, Unseen) else None
    path = short(found.path, facts.home)
    if said:
        return problem(clean(said).rstrip("."), f"look at {path}; the live view goes on without it")
    if not found.exists:
        return ok("none yet: it begins with the first start")
    if not found.is_ours:
        return problem(f"{path} is no history of Clauditor's", "move it away, or give another --data-dir")
    if found.schema is not None and found.schema > found.newest_schema:
        return problem(
            f"{path} was written by a newer Clauditor (schema {found.schema}, this one knows {found.newest_schema})",
            "update Clauditor, or give another --data-dir",
        )
    if found.is_read_only:
        return problem(f"{path} cannot be written to; nothing new is kept", f"chmod u+w {path}")
    state = "just begun" if found.schema is None else f"schema {found.schema}"
    if found.broken:
        return note(
            f"{state}; {count(len(found.broken), 'database')} found broken lies beside it: {clean(found.broken[-1])}",
            "nothing reads it any more; remove it when you have no use for it",
        )
    return ok(f"{state}, {path}")


RECORDING = Check(name="recording", topic="proxy", check=recording)
HISTORY = Check(name="history", topic="proxy", check=history)
