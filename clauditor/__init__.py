"""Clauditor: which of your Claude Code sessions needs you, why, and what it costs."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("clauditor-sidecar")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0.0.0"
