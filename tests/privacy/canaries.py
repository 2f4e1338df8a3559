"""Words that occur nowhere else, one for each place they are put, and the search for them."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clauditor.demo.seeded import dice
from privacy.secrets import fill


class Canaries:
    """Makes the words and knows where each was put. Letters only: no redaction mistakes one for a secret."""

    def __init__(self, seed: int) -> None:
        self._dice = dice(seed, "canaries")
        self.places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self._put(place, "canary" + "".join(self._dice.choices(string.ascii_lowercase, k=14)))

    def secret(self, place: str, template: str) -> str:
        """A key of a real format (`privacy.secrets`)."""
        return self._put(place, fill(template, self._dice))

    def found_in(self, seen: bytes | str, allowed: frozenset[str] = frozenset()) -> list[str]:
        """The places whose word can be seen, whatever its case."""
        raw = (seen.encode() if isinstance(seen, str) else seen).lower()
        return [
            place
            for word, place in self.places.items()
            if place not in allowed and word.lower().encode() in raw
        ]

    def found_in_files(self, directory: Path) -> dict[str, list[str]]:
        """File name to places, for every file below the directory."""
        files = [path for path in directory.rglob("*") if path.is_file()]
        assert files
        found = {str(path.relative_to(directory)): self.found_in(path.read_bytes()) for path in files}
        return {name: places for name, places in found.items() if places}

    def _put(self, place: str, word: str) -> str:
        self.places[word] = place
        return word


def without_labels(value: Any) -> Any:
    """The JSON value with the text of every `label` gone: the one member that may show what was asked."""
    if isinstance(value, dict):
        return {key: None if key == "label" else without_labels(inner) for key, inner in value.items()}
    return [without_labels(inner) for inner in value] if isinstance(value, list) else value


def labels(value: Any) -> Iterator[str]:
    """Every label in the JSON value."""
    if isinstance(value, dict):
        if isinstance(value.get("label"), str):
            yield value["label"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from labels(inner)
