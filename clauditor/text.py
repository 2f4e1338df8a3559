"""The one cleaner, redactor and width of text that reaches a terminal, page, label, log or alert.

Escape sequences: ECMA-48 (CSI, OSC, DCS). Invisible and direction-changing characters: Unicode general
categories Cc, Cf, Cs, Co, Cn, and the few letters and marks that draw nothing. Widths: UAX #11, where
wide and full-width characters take two cells. A pure leaf: imports nothing of Clauditor.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

REDACTED: Final = "[redacted]"
ELLIPSIS: Final = "…"

MAX_CHARACTERS: Final = 4096  # what is ever looked at: far more than a line, little enough to be cheap
_MAX_MARKS: Final = 2  # combining marks per character; more is decoration that climbs over other lines

# An escape sequence goes with all it carries: the title of an OSC is as hostile as its ESC.
_ESCAPES: Final = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # every other escape
)
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SPACES: Final = frozenset({"Zs", "Zl", "Zp"})
_PRINTABLE_ASCII: Final = re.compile(r"[!-~]+(?: [!-~]+)*")

_NAMED: Final = (  # what a secret is called
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|credentials?|authorization|cookie)"
)
_PREFIXES: Final = (  # keys that say themselves what they are
    r"sk-|sk_|pk_|rk_|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|npm_|pypi-|hf_|whsec_|dop_v1_"
    r"|ya29\.|SG\.|AIza|AKIA|ASIA"
)
_VALUE: Final = r"(?:\"[^\"]*\"?|'[^']*'?|[^\s&;,]+(?: [^\s&;,]*\[redacted\])?)"
_MIXED: Final = r"(?=[\w+/-]{0,100}[0-9])(?=[\w+/-]{0,100}[a-z])(?=[\w+/-]{0,100}[A-Z])"

# Pattern and what takes its place, applied in this order to at most 4,096 characters.
_SECRETS: Final = (
    # Private keys and certificates, also cut off.
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|$)", re.DOTALL),
        REDACTED,
    ),
    # JSON web tokens.
    (re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){1,4}"), REDACTED),
    (re.compile(rf"\b(?:{_PREFIXES})[\w.-]{{10,}}"), REDACTED),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@]{1,256}@", re.IGNORECASE), rf"\1{REDACTED}@"),
    # Authorization: Bearer ..., Basic ...
    (re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1\2{REDACTED}"),
    # name=value, name: value, "name": "value", the password is value
    (
        re.compile(
            rf"({_NAMED}[\w-]{{0,40}}[\"']?\s*(?:=>|[:=]|\bis\b)\s*)(?!\[redacted\]){_VALUE}", re.IGNORECASE
        ),
        rf"\1{REDACTED}",
    ),
    # --password value
    (
        re.compile(rf"((?<![\w-])--?[\w-]{{0,40}}{_NAMED}\s+)(?!\[redacted\])[^\s-]\S*", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    # ?sig=..., &key=... in addresses
    (
        re.compile(
            r"([?&](?:sig|signature|key|code|auth|session|x-amz-[\w-]{1,40})=)[^\s&#]+", re.IGNORECASE
        ),
        rf"\1{REDACTED}",
    ),
    # E-mail addresses.
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"), REDACTED),
    # Long runs that only a machine writes: hexadecimal, or letters of both cases with digits.
    (re.compile(r"\b[0-9a-fA-F]{32,}\b"), REDACTED),
    (re.compile(rf"(?<![\w+/-]){_MIXED}(?:[\w+-]{{40,}}|[\w+-]*\+[\w+/-]{{39,}})={{0,2}}"), REDACTED),
)


def clean(text: str, cells: int | None = None) -> str:
    """The text as one line that cannot harm a terminal or deceive a reader.

    Escape, control, invisible, private and direction-changing characters are gone, runs of white space
    are one space, the ends are trimmed. With `cells` the result is cut to that width and ends in an
    ellipsis. Looks at the first 4,096 characters only; never raises.
    """
    text = text[:MAX_CHARACTERS]
    if not _PRINTABLE_ASCII.fullmatch(text):
        text = _one_line(text)
    return text if cells is None else cut(text, cells)


def redact(text: str) -> str:
    """The text without what looks like a key, token, password, private key or e-mail address.

    A heuristic of patterns: it errs towards redacting, and cannot know every secret.
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def label(text: str, cells: int) -> str:
    """Cleaned, redacted and cut to `cells`, in this order: a cut secret would no longer be recognised."""
    return cut(redact(clean(text)), cells)


def width(text: str) -> int:
    """How many terminal cells a cleaned text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int) -> str:
    """The longest beginning that fits into `cells`, with an ellipsis where something was left out."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    room = cells - 1
    end = 0
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        end += 1
    return text[:end].rstrip() + ELLIPSIS


def _one_line(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in _ESCAPES.sub(" ", text):
        category = unicodedata.category(character)
        if character in "\t\n\v\f\r\x85" or category in _SPACES:
            kept.append(" ")
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= _MAX_MARKS and character not in _INVISIBLE and not _selects_a_variant(character):
                kept.append(character)
            continue
        elif category not in _DROPPED and character not in _INVISIBLE:
            kept.append(character)
        marks = 0
    return " ".join("".join(kept).split())


def _selects_a_variant(character: str) -> bool:
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or "\u180b" <= character <= "\u180f"
    )


def _cells(character: str) -> int:
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
