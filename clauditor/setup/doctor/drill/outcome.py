"""What the drill shows, judged: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.setup.doctor.checks.words import count
from clauditor.setup.doctor.finding import Finding, note, ok, problem

ADDED_LIMIT_SECONDS: Final = 0.25
BACK_LIMIT_SECONDS: Final = 1.0  # until the proxy accepts again after it was killed itself
REPORT: Final = "please report it, with the output of: clauditor doctor --drill --json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What happened while something was broken.

    `answers`: those through the proxy that ended in it; `identical`: of those, both bodies as the vendor has them;
    `errors`: of those, not whole. The longest wait for a piece through the proxy and directly, in seconds (None:
    there was none). `back_seconds`: until what was broken served again.
    """

    name: str
    breaks_streams: bool
    answers: int
    identical: int
    errors: int
    pause: float | None
    direct_pause: float | None
    back_seconds: float | None = None

    @property
    def added(self) -> float:
        """What the proxy and its troubles added to the longest wait."""
        return max(0.0, (self.pause or 0.0) - (self.direct_pause or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Exchanges through the proxy, by what is known of them afterwards."""

    exchanges: int
    whole: int
    gaps: int

    @property
    def unexplained(self) -> int:
        return max(0, self.exchanges - self.whole - self.gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    phases: tuple[Phase, ...]
    recorded: Recorded | None
    """None: the sidecar could not be asked any more."""
    seconds: float

    @property
    def calm(self) -> tuple[Phase, ...]:
        """Phases in which a client must not notice anything."""
        return tuple(phase for phase in self.phases if not phase.breaks_streams)

    @property
    def longest_added(self) -> float:
        return max((phase.added for phase in self.calm), default=0.0)


def findings(outcome: Outcome) -> Iterator[tuple[str, Finding]]:
    for phase in outcome.phases:
        yield phase.name, _proxy_killed(phase) if phase.breaks_streams else _calm(phase)
    yield "recorded", _recorded(outcome)
    yield "in the way", _in_the_way(outcome)


def figures(outcome: Outcome) -> dict[str, Any]:
    """The same as numbers. Seconds and counts."""
    return {
        "seconds": round(outcome.seconds, 1),
        "answers": sum(phase.answers for phase in outcome.phases),
        "identical": sum(phase.identical for phase in outcome.phases),
        "errors": sum(phase.errors for phase in outcome.calm),
        "longest_added_pause_seconds": round(outcome.longest_added, 4),
        "recorded": None if outcome.recorded is None else _numbers(outcome.recorded),
        "phases": [
            {
                "name": phase.name,
                "answers": phase.answers,
                "identical": phase.identical,
                "errors": phase.errors,
                "longest_pause_seconds": phase.pause,
                "longest_direct_pause_seconds": phase.direct_pause,
                "back_after_seconds": phase.back_seconds,
            }
            for phase in outcome.phases
        ],
    }


def longest(pauses: Sequence[Mapping[str, float]], phase: str) -> float | None:
    """The longest wait of a phase among several clients'."""
    return max((noted[phase] for noted in pauses if phase in noted), default=None)


def _calm(phase: Phase) -> Finding:
    back = "" if phase.back_seconds is None else f"; recording again after {phase.back_seconds:.1f} s"
    text = f"{_identical(phase)}, longest pause {_ms(phase.pause)} (directly {_ms(phase.direct_pause)}){back}"
    if phase.errors:
        return problem(f"{count(phase.errors, 'answer')} failed; {text}", REPORT)
    if phase.identical < phase.answers:
        return problem(f"bytes differ: {text}", REPORT)
    if phase.added > ADDED_LIMIT_SECONDS:
        return problem(
            f"{_ms(phase.added)} added: {text}", f"try again on a quiet machine; if it stays, {REPORT}"
        )
    if not phase.answers:
        return note("no answer ended in this time", "try again on a quiet machine")
    return ok(text)


def _proxy_killed(phase: Phase) -> Finding:
    """Envoy carries the bytes, so what passed through it is cut; it must be back before the client's next attempt."""
    cut = f"{count(phase.errors, 'answer')} cut off, as of any proxy; the client asks again by itself"
    if phase.back_seconds is None:
        return problem(f"{cut}; nothing listened again", REPORT)
    text = f"listens again after {phase.back_seconds:.2f} s; {cut}"
    if phase.back_seconds > BACK_LIMIT_SECONDS:
        return problem(text, f"try again on a quiet machine; if it stays, {REPORT}")
    whole = phase.answers - phase.errors
    if phase.identical < whole:
        return problem(f"bytes differ: {phase.identical} of {whole} identical; {text}", REPORT)
    return ok(text)


def _recorded(outcome: Outcome) -> Finding:
    found = outcome.recorded
    if found is None:
        return problem("the sidecar does not answer any more", REPORT)
    text = f"{count(found.exchanges, 'exchange')}: {found.whole} whole, {count(found.gaps, 'gap')} while it was away"
    # A killed Envoy takes what it had not yet written of its log with it: half a second.
    allowed = sum(phase.errors for phase in outcome.phases if phase.breaks_streams)
    if found.unexplained > allowed:
        return problem(f"{text}, {found.unexplained} unexplained", REPORT)
    return ok(f"{text}, {found.unexplained or 'none'} unexplained")


def _in_the_way(outcome: Outcome) -> Finding:
    """The bottom line."""
    answers, identical = (
        sum(getattr(phase, name) for phase in outcome.phases) for name in ("answers", "identical")
    )
    cut = sum(phase.errors for phase in outcome.phases if phase.breaks_streams)
    errors = sum(phase.errors for phase in outcome.calm)
    text = (
        f"{identical} of {count(answers - cut, 'answer')} identical by SHA-256, "
        f"{count(errors, 'error') if errors else 'no error'} while the sidecar was in trouble, at most {_ms(outcome.longest_added)} added"
    )
    if errors or identical < answers - cut or outcome.longest_added > ADDED_LIMIT_SECONDS:
        return problem(f"something: {text}", REPORT)
    return ok(f"nothing: {text}")


def _identical(phase: Phase) -> str:
    return f"{phase.identical} of {count(phase.answers, 'answer')} identical"


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds * 1000:.0f} ms"


def _numbers(recorded: Recorded) -> dict[str, int]:
    return {
        "exchanges": recorded.exchanges,
        "whole": recorded.whole,
        "gaps": recorded.gaps,
        "unexplained": recorded.unexplained,
    }
