"""What Clauditor is made of: locked by hash, a week old, without code that runs by itself, written down, and each with a reason."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("runtime", "dev", "audit")}
OTHER_LOCKS = (ROOT / "fuzz" / "requirements.txt", ROOT / ".ci" / "compose.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HASHED = re.compile(r"\S+==\S+( ; [^\\]+)?( +--hash=sha256:[0-9a-f]{64})+")
VENDORED = {
    "tests/grafana/schema/dashboard.json": "ee8a09eb5ba2c91d739ca07cb86935c254c2ebe1104e758bab10466625e74e86",
    "tests/grafana/schema/LICENSE_APACHE2": "7486ea148c36b1bd8608aeba83584f242acd880d97db00fa657c88a962316777",
}
"""Files of others, by their SHA-256 (those of the page's chart library: tests/page/test_files.py)."""
NAMED = {
    "__editable__.clauditor_sidecar-0.1.0.pth": "our own, of a clone",
    "distutils-precedence.pth": "setuptools'",
}
"""`.pth` files that a developer's environment has; `make up` removes setuptools once it has built."""


def requirements(lock: Path) -> list[str]:
    """The entries of a lock file, each in one line."""
    text = re.sub(r"\\\n\s*", "", lock.read_text(encoding="utf-8"))
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked(lock: Path) -> dict[str, str]:
    """Versions by name."""
    found = (Requirement(line.partition(" --hash")[0]) for line in requirements(lock))
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "lock", [*LOCKS.values(), *OTHER_LOCKS], ids=lambda lock: f"{lock.parent.name}/{lock.name}"
)
def test_every_requirement_is_one_version_with_its_hashes(lock: Path) -> None:
    lines = requirements(lock)
    assert lines
    assert [line for line in lines if not HASHED.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS.values(), ids=list(LOCKS))
def test_a_lock_says_since_when_nothing_newer_was_let_in(lock: Path) -> None:
    first = lock.read_text(encoding="utf-8").partition("\n")[0]
    assert re.fullmatch(r"# Nothing published after \d{4}-\d\d-\d\d: make lock", first)
    assert "--exclude-newer $$day" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_nothing_is_installed_but_what_is_locked() -> None:
    """Each `pip install` of ours takes a lock file by hash, or this project itself without its dependencies."""
    places = [ROOT / name for name in ("Makefile", "Dockerfile", ".ci/run", ".ci/containers")]
    commands = [
        line.strip()
        for place in places
        for line in place.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip\b.* (install|download) |\$\(PIP\) install", line)
    ]
    assert len(commands) >= 8
    for command in commands:
        is_locked = "--require-hashes" in command and " -r " in command
        is_ours = "--no-deps --no-build-isolation" in command and re.search(r" (-e )?\.( |$)", command)
        assert is_locked or is_ours, command


def test_this_environment_holds_nothing_else() -> None:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not the environment that make has made")
    allowed = {**locked(LOCKS["dev"]), **locked(OTHER_LOCKS[0])}
    found = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    others = {name: version for name, version in found.items() if allowed.get(name) != version}
    assert set(others) <= {"pip", canonicalize_name(PROJECT["project"]["name"])}


def test_no_package_that_runs_with_us_runs_by_itself() -> None:
    """A `.pth` file is code that every Python in the environment runs, whoever is imported."""
    found = {
        str(file)
        for name in locked(LOCKS["runtime"])
        for file in (metadata.files(name) if _is_installed(name) else None) or ()
        if file.suffix == ".pth" or file.name in ("sitecustomize.py", "usercustomize.py")
    }
    assert found <= {"distutils-precedence.pth"}
    lying = {path.name for path in Path(metadata.distribution("click").locate_file("")).glob("*.pth")}  # type: ignore[arg-type]
    assert lying <= set(NAMED)
    runtime = (
        (ROOT / "Makefile").read_text(encoding="utf-8").partition("$(VENV)/.runtime:")[2].partition("\n\n")[0]
    )
    assert "uninstall --yes setuptools" in runtime


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:  # another platform's
        return False
    return True


def test_each_runtime_dependency_has_its_reason_on_the_architecture_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## What we borrow")[2]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    named = {name for cells, reason in rows if len(reason) > 10 for name in re.findall(r"`([^`]+)`", cells)}
    wanted = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert wanted <= named
    assert {canonicalize_name(name) for name in wanted} <= set(locked(LOCKS["runtime"])), "make lock"


def test_the_list_of_parts_is_that_of_the_lock_file() -> None:
    committed = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))
    made = tool("sbom").build()
    assert _without_licences(committed) == _without_licences(made), "make sbom"
    parts = {canonicalize_name(one["name"]): one["version"] for one in committed["components"]}
    assert parts == locked(LOCKS["runtime"])
    lines = {canonicalize_name(re.split("==", line)[0]): line for line in requirements(LOCKS["runtime"])}
    for one in committed["components"]:
        hashes = {each["content"] for each in one["hashes"]}
        assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lines[canonicalize_name(one["name"])]))
    without = [one["name"] for one in committed["components"] if "licenses" not in one]
    assert len(without) <= 2, "of another platform"
    refs = {one["bom-ref"] for one in committed["components"]}
    assert {to for one in committed["dependencies"] for to in one["dependsOn"]} == refs, (
        "everything is needed by somebody"
    )


def _without_licences(document: dict[str, Any]) -> dict[str, Any]:
    parts = [
        {name: value for name, value in one.items() if name != "licenses"} for one in document["components"]
    ]
    return document | {"components": parts}


@pytest.mark.parametrize("name", VENDORED)
def test_files_of_others_are_the_published_ones(name: str) -> None:
    assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == VENDORED[name]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages audited by pypi: 0 known holes"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: X-1, mended in 2\n1 packages audited by pypi: 1 known holes",
        ),
        (
            [{"name": "a", "skip_reason": "not found"}],
            0,
            "osv: no answer about any package\nNothing was audited",
        ),
        (None, 0, "Nothing was audited"),
    ],
    ids=["clean", "a hole", "unknown packages", "no network"],
)
def test_a_known_hole_fails_and_a_missing_network_is_said(
    tmp_path: Path, answer: list[dict[str, Any]] | None, code: int, words: str
) -> None:
    program = tmp_path / "pip-audit"
    said = "exit 1" if answer is None else f"cat <<'E'\n{json.dumps({'dependencies': answer})}\nE"
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit.py", program, LOCKS["runtime"]],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stdout
