"""What Claude Code starts itself, many times a minute: its hooks, and what they share with its status line.

Every module here is loaded while somebody waits, so none imports more than it needs: no click, no dataclasses, no
pathlib, no settings. Nothing here raises, prints or waits for longer than `deadline` allows.
"""
