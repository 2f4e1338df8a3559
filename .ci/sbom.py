"""Writes sbom.cdx.json, the list of what Clauditor runs with, from its lock file. Usage: sbom.py (or `make sbom`).

CycloneDX 1.6, JSON: name, version, hashes (one for each file of the release), licence, and who needs what. No tool at hand takes hashes and dependencies from
a lock file and licences from what is installed; the same lock file gives the same text, without a time or a random number.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.txt"
SBOM = ROOT / "sbom.cdx.json"
ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)
VIA = re.compile(r"\n    # via((?: [^\n]+)?(?:\n    #   [^\n]+)*)")


def purl(name: str, version: str) -> str:
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"


def build() -> dict[str, Any]:
    """The document as plain values."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = LOCK.read_text(encoding="utf-8")
    own = purl(project["name"], project["version"])
    refs = {found[1]: purl(found[1], found[2]) for found in ENTRY.finditer(text)}
    needs: dict[str, set[str]] = {own: set(), **{ref: set() for ref in refs.values()}}
    components = []
    for found in ENTRY.finditer(text):
        name, version, marker, hashes = found.groups()
        via = VIA.match(text, found.end() - 1)
        for parent in re.findall(r"[A-Za-z0-9._-]+", re.sub(r"\(.*?\)", "", via[1])) if via else ():
            needs[refs.get(parent, own)].add(refs[name])
        properties = [{"name": "marker", "value": marker}] if marker else []
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": refs[name],
            "name": name,
            "version": version,
            "purl": refs[name],
            "scope": "excluded" if name == "setuptools" else "required",  # builds the package, then goes
            "hashes": [{"alg": "SHA-256", "content": one} for one in re.findall(r"[0-9a-f]{64}", hashes)],
        }
        if words := licence(name):
            component["licenses"] = [{"license": {"name": words}}]
        components.append(component | ({"properties": properties} if properties else {}))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(found)} for ref, found in sorted(needs.items())],
    }


def licence(name: str) -> str | None:
    """As the installed package says it; None where it is not installed here (another platform's) or says nothing."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classes = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier", []) if one.startswith("License ::")
    ]
    short = told.get("License") if len(told.get("License") or "") < 60 else None
    return told.get("License-Expression") or short or ", ".join(classes) or None


def render(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    SBOM.write_text(render(build()), encoding="utf-8")
