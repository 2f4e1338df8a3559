"""What redaction finds, what it takes by mistake, and how long it takes.

    python bench/redaction.py [SEED ...]

Recall over the corpus of tests/privacy/secrets.py, the ordinary prompts of tests/privacy/harmless.py, and the
median time for 4,096 characters of prose and of each of the repetitions that the tests hold to linear time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from clauditor.redaction import redact
from clauditor.text import clean, label
from privacy.harmless import HARMLESS
from privacy.hostile import UNITS
from privacy.secrets import Planted, known_formats, named_values

CHARACTERS = 4096
REPEATS = 9


def main(seeds: list[int]) -> None:
    """Print the figures for the seeds."""
    recall("known formats", (item for seed in seeds for item in known_formats(seed)))
    recall("name = value", (item for seed in seeds for item in named_values(seed)))
    taken = [prompt for prompt in HARMLESS if redact(clean(prompt)) != clean(prompt)]
    print(f"ordinary prompts  {len(HARMLESS)}, not readable to the letter: {len(taken)}", *taken, sep="\n  ")
    prose = " ".join(HARMLESS)[:CHARACTERS]
    print(
        f"prose, {CHARACTERS} characters: {median_ms(redact, prose):.2f} ms; its label {label_ms(prose):.2f} ms"
    )
    times = sorted(
        ((median_ms(redact, (unit * CHARACTERS)[:CHARACTERS]), unit) for unit in UNITS), reverse=True
    )
    print(f"repetitions: median {statistics.median(ms for ms, _ in times):.2f} ms, slowest:")
    for ms, unit in times[:5]:
        print(f"  {ms:6.2f} ms  {unit!r}")


def recall(name: str, corpus: Iterable[Planted]) -> None:
    items = list(corpus)
    missed = Counter(item.format for item in items if item.leaks(redact(clean(item.text))))
    print(f"{name:<17} {len(items)}, found {1 - missed.total() / len(items):.2%}")
    for form, count in missed.most_common(8):
        print(f"  missed {count}: {form}")


def label_ms(text: str) -> float:
    return median_ms(lambda value: label(value, 80), text)


def median_ms(action: Callable[[str], object], text: str) -> float:
    taken = []
    for _ in range(REPEATS):
        before = time.perf_counter()
        action(text)
        taken.append(time.perf_counter() - before)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or list(range(1, 11)))
