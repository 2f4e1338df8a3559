"""Examples below the help of each command: a line to copy and what it is good for. A test runs each one's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "top": (
        ("clauditor", "the same as clauditor top"),
        ("clauditor top --once", "print the screen once, also into a file or a pipe"),
        ("clauditor top --json", "every live session, for programs"),
        ("clauditor top --compact", "one line, for the status bar of tmux"),
    ),
    "next": (
        ("clauditor next", "go to the session that needs you most"),
        ("clauditor next --print", "only say which one"),
    ),
    "run": (
        ("clauditor run claude", "one watched session"),
        ("clauditor run claude -c", "options after the command are the command's own"),
        ("git diff | clauditor run -- claude -p 'review this'", "also in a pipe, a script or CI"),
    ),
    "sessions": (
        ("clauditor sessions --days 7 --sort cost", "what the week's sessions cost, the dearest first"),
        ("clauditor sessions --verdict act --json", "those that once needed you, for programs"),
    ),
    "show": (
        ("clauditor show f45b", "four letters of an id are enough if they are unique"),
        ("clauditor show f45b --json", "for programs"),
    ),
    "spend": (
        ("clauditor spend", "the last seven days"),
        ("clauditor spend --by project --days 30", "where the month went"),
        ("clauditor spend --by model --csv", "for a spreadsheet"),
    ),
    "up": (
        ("clauditor up", "start, or see that it runs"),
        ("clauditor up --upstream https://llm.corp/", "in front of your company's gateway"),
        ("clauditor up --upstream-ca corp-ca.pem", "behind a company's certificates"),
        ("clauditor up --foreground", "stay, for a service unit or a container"),
    ),
    "down": (
        ("clauditor down", "asks first while sessions use it"),
        ("clauditor down --yes", "stops in any case"),
    ),
    "status": (
        ("clauditor status", "what runs, and where"),
        ("clauditor status --json", "for programs; exit code 1 if nothing runs"),
    ),
    "install": (
        ("clauditor install --dry-run", "see what would be written"),
        ("clauditor install", "the same, then ask and write"),
    ),
    "uninstall": (("clauditor uninstall", "says what it takes out, and asks"),),
    "on": (("clauditor on", "each session is watched again from its next prompt"),),
    "off": (("clauditor off", "each session goes direct from its next prompt"),),
    "doctor": (
        ("clauditor doctor", "what is wrong, and the remedy"),
        ("clauditor doctor --json", "for programs; exit code 1 if there is a problem"),
        ("clauditor doctor --drill", "proof, on this machine, that nothing stands in the way"),
    ),
    "demo": (
        ("clauditor demo", "eight sessions, each with a story; q ends it"),
        ("clauditor demo --speed 5 --headless", "without a screen, five times faster"),
    ),
    "env": (
        ('eval "$(clauditor env)"', "for every client of this shell"),
        ("clauditor env --shell fish | source", "the same in fish"),
    ),
    "watch": (
        ("clauditor watch", "every event, as it happens"),
        ("clauditor watch --signals-only", "only what needs you, and when it is over"),
        ("clauditor watch --tmux", "one tmux pane a session"),
    ),
    "web": (
        ("clauditor web", "the live table, history and limits in your browser"),
        ("clauditor web --print", "only print the address (good once, for a minute)"),
    ),
    "service": (("clauditor service install --dry-run", "see the unit that would be written"),),
    "service install": (
        ("clauditor service install --dry-run", "see the unit that would be written"),
        ("clauditor service install", "the same, then ask and start it"),
    ),
    "service uninstall": (("clauditor service uninstall", "systemd lets go; what runs goes on"),),
    "postmortem": (
        ("clauditor postmortem last", "the session of the newest activity"),
        ("clauditor postmortem f45b --markdown -o report.md", "to keep or to share"),
    ),
    "export": (
        ("clauditor export calls.csv --csv --days 30", "the month's calls, for a spreadsheet"),
        ("clauditor export --project webshop | jq .", "every row of a project, a JSON object a line"),
        ("clauditor export backup.db --sqlite", "a copy of everything, to put back with clauditor restore"),
    ),
    "restore": (("clauditor restore backup.db", "says what it replaces, and asks"),),
    "purge": (
        ("clauditor purge --session f45b", "one session; says what goes, and asks"),
        ("clauditor purge --project webshop", "everything of one project, its sums included"),
        ("clauditor purge --older-than 30 --yes", "all but the last thirty days, without asking"),
        ("clauditor purge --all", "the whole history, and files that were set aside"),
    ),
    "token": (("clauditor token rotate", "a new secret; the old one opens nothing any more"),),
    "token rotate": (
        ("clauditor token rotate", "a new secret; the old one opens nothing any more"),
        ("clauditor token rotate --data-dir DIR", "that of another data directory"),
    ),
    "statusline": (
        ("clauditor statusline", "as install writes it into Claude Code's settings"),
        ("clauditor statusline --wrap 'my-line --short'", "with the line you had before above it"),
    ),
    "alert-test": (
        ("clauditor alert-test", "by every way that is set up"),
        ("clauditor alert-test --desktop", "only on the desktop"),
    ),
    "completion": (
        ('eval "$(clauditor completion bash)"', "in ~/.bashrc"),
        ('eval "$(clauditor completion zsh)"', "in ~/.zshrc, after compinit"),
        ("clauditor completion fish > ~/.config/fish/completions/clauditor.fish", "once, for fish"),
    ),
    "serve": (("clauditor serve --port 10000 --api-port 9091", "what clauditor up keeps running"),),
    "hook": (("clauditor hook", "as install writes it into Claude Code's settings"),),
}
"""By the command as it is typed after `clauditor`."""


def epilog(name: str) -> str | None:
    """The examples of a command, as click shows them below its options; None if it has none."""
    lines = [f"  {line}\n      {what}" for line, what in EXAMPLES.get(name, ())]
    return "\b\nExamples:\n" + "\n".join(lines) if lines else None
