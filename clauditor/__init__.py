"""Clauditor: which of your Claude Code sessions needs you, why, and what it costs."""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: that takes longer than a status line may."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("clauditor-sidecar")
    except PackageNotFoundError:  # run from a tree that was never installed
        return "0.0.0"
