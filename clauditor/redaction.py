"""What a secret looks like, and text without it. A heuristic of patterns that errs towards redacting.

Formats: what vendors document of their keys, RFC 7519 (JWT), RFC 7468 (PEM), RFC 3986 (user information in a URL),
RFC 6750 and 7617 (Bearer, Basic), RFC 6265 (cookies). Measured in tests/privacy: recall over a corpus of formats,
and prompts that must stay as they are. A pure leaf: imports nothing of Clauditor.

Every repetition is bounded, or anchored at its beginning and ended by the first character it cannot take, so
that the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "[redacted]"

_I: Final = re.IGNORECASE
_QUOTES: Final = r"[\"'`\\]{0,3}"
_BARE: Final = r"[^\s&;,<>\"'`\\]+(?:[&;,](?![\w.-]{1,40}[=:])[^\s&;,<>\"'`\\]+)*"
_VALUE: Final = (
    re.compile(  # \"in a string in a string\", "in \" quotes", cut off at the end of the text or not
        rf"\\\"(?:[^\"\\]|\\(?:[^\"]|$))*(?:\\?\"|$)|\"(?:[^\"\\]|\\(?:.|$))*\"?|'[^']*'?|`[^`]*`?|{_BARE}",
        re.DOTALL,
    )
)

# -- secrets with a shape of their own, or in a place of their own ----------------------------------------------

_PREFIXED: Final = (
    r"(?:sk-ant-|xox[a-z][.-]|xapp-|gl(?:pat|dt|rt|ptt|ft|cbt|oas|soat|agent|imt|ffct)-|github_pat_|GR1348941|AIza"
    r"|SG\.|pypi-|ya29\.|hv[bs]\.|GOCSPX-|whsec_|dckr_[op]at_|AGE-SECRET-KEY-|A3-|tskey-|pscale_|ntn_|dt0c01\.|ATBB|ATATT|NRII-"
    r"|[\w.~-]{3}\dQ~)[\w.+/=~-]{8,}"
    r"|[spr]k_(?:live|test|prod)_\w{10,}|[spr]k[_-](?=[\w-]{0,40}\d)[\w-]{16,}"
    r"|(?:hf|api_org|npm|gh[pousr]|do[opr]_v1|glsa|glc|gsk|pnu|nfp|figd|lin_api|lin_oauth|secret|shp(?:at|ca|pa|ss))_"
    r"[A-Za-z0-9]{20,}[\w+/=-]*"
    r"|(?:AKIA|ASIA|ABIA|ACCA|LTAI|EZ[AT]K)[A-Za-z0-9]{12,}|(?:SK|AC)[0-9a-f]{32}|[0-9a-f]{36}NRAL|\d{8,19}:[\w-]{30,}"
    r"|(?:xkeysib|key|pul|ico|p8e|NRAK|NRII|NRJS|PMAK|API)-(?=[\w-]{0,60}\d)[\w-]{19,}"
    r"|(?:access-(?:sandbox|development|production)|sdk|pat-[a-z0-9]{2,4})-[0-9a-f]{8}-[0-9a-f-]{27}"
)
_WEBHOOKS: Final = r"hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|webhook\.office\.com|hooks\.zapier\.com|api\.telegram\.org"
_QUERY: Final = r"[?&#](?:sig|signature|key|code|auth|session|sid|pw|x-amz-[\w-]{1,40}|key-pair-id)="
_AUTHORIZATION: Final = rf"authorization{_QUOTES}\s?[:=]\s?{_QUOTES}[a-z][\w-]{{2,20}}\s"
_LOGINS: Final = r"sshpass|mongo\w{0,10}|docker login|podman login|redis-cli"
_QUOTED: Final = r"\"[^\"]*\"?|'[^']*'?"
_EMAIL: Final = re.compile(  # `git@host` is none, and neither is name@1.2.3
    r"(?<![\w.+-])(?!git@)[\w.+-]{1,256}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[^\W\d_]{2,24}\b"
)
_URL: Final = r"\b[a-z][a-z0-9+.-]{1,20}://"

_WHOLE: Final = (  # redacted as they stand
    # Private keys and certificates, also cut off.
    re.compile(r"---- ?-?BEGIN [A-Z0-9 ]{1,40}-?----.*?(?:---- ?-?END [A-Z0-9 ]{1,40}-?----|$)", re.DOTALL),
    re.compile(r"(?<![\w-])eyJ[\w-]{5,}(?:\.[\w-]*){1,4}"),
    re.compile(rf"(?<![A-Za-z0-9])(?:{_PREFIXED})"),
    re.compile(r"\$(?:2[abxy]?|[156y]|apr1|argon2\w{0,2})\$[^\s:\"']{10,}"),
)
_BEHIND: Final = (  # redacted behind the first group
    # scheme://user:password@host, and a token in place of the user; `git@` is nobody
    re.compile(rf"({_URL})(?!git@)[^\s/?\"'<>]{{1,1024}}(?=@)", _I),
    re.compile(rf"({_URL})[^\s/:@]{{0,64}}:(?!\d{{1,5}}/)[^\s@\"'<>]{{1,256}}(?=@)", _I),
    re.compile(rf"((?:{_WEBHOOKS})/)[^\s\"'<>]+", _I),
    # ?sig=..., &key=... in addresses
    re.compile(rf"({_QUERY})(?!\d{{1,6}}\b|\.\.\.|[$<{{]|undefined\b|null\b)[^\s&#\"'<>]+", _I),
    # Authorization: scheme and parameters, scheme and credentials; Cookie: pairs
    re.compile(rf"({_AUTHORIZATION})(?:[\w-]+=(?:\"[^\"]*\"?|[^\s,\"']+),?\s?)+", _I),
    re.compile(rf"({_AUTHORIZATION})[^\s\"'`\\\[<${{]+", _I),
    re.compile(rf"(cookie{_QUOTES}\s?[:=\s]\s?{_QUOTES})(?:[^\s=;,\"']{{1,64}}=[^\s;\"']*(?:;\s?)?)+", _I),
    re.compile(r"(\b(?:bearer|basic)\s+)(?=[\w.~+/-]{0,100}[\d=])[\w.~+/=-]{8,}", _I),
    # -u user:password, mysql -ppassword, sshpass -p password, pass:password
    re.compile(r"(\s(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"']{1,64}:)(?!\d+\b)[^\s\"']+"),
    re.compile(r"(\b(?:mysql|mariadb)\w{0,10}(?: [^\s|;]+){0,8}? -p)[^\s]+"),
    re.compile(rf"(\b(?:{_LOGINS})(?: [^\s|;]+){{0,8}}? -[pa] ?)(?:{_QUOTED}|[^\s]+)"),
    re.compile(r"(\bWIFI:[^\s]{0,200}?;P:)[^\s;]+"),
    re.compile(r"(\bpass:|\blogin \S{1,64} password |\bsecret set \S{1,64} --body )[^\s]+"),
    re.compile(rf"(\bidentified by )(?:{_QUOTED})", _I),
    re.compile(r"(\bpin(?: code)?(?: is|:|=)? )\d{4,8}\b", _I),
    # host:port:database:user:password
    re.compile(r"((?<![\w.:-])[\w.*-]{1,64}:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w-]{1,64}:)[^\s\"']+"),
)

# -- secrets that have a name ---------------------------------------------------------------------------------

_NAME: Final = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]*\w)"
    r"(?:(?P<sign>[\"'`\\)\]]{0,3}\s?(?::=|=>|->|==?|:(?!:)|\|)\s?|>|[\"'] value=)|\s(?P<verb>is|was|to|as)\s|(?P<space>\s))"
)
_PASSWORD: Final = re.compile(r"pass(?:word|wd|phrase|code)$|pwd$|phrase$|mnemonic$", _I)
_PHRASE: Final = re.compile(r"(?:phrase|mnemonic)$", _I)
_WORDS: Final = re.compile(r"(?: [a-z]{2,12}(?![\w]))*")
_SECRET: Final = re.compile(
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|credential|creds|signature|cookie|authorization|mnemonic"
    r"|connection[_ -]?string|(?:seed|recovery) phrase|sessid|sessionid|connect\.sid"
    r"|(?:^|[_.-])(?:pass|pat|psk|sid|sig|otp|totp|dsn|auth|salt|key)$"
    r"|(?:api|access|account|app|auth|client|deploy|encryption|license|master|private|secret|service|session|shared"
    r"|signing|storage|subscription)[_ -]?key",
    _I,
)
_SECOND_WORDS: Final = frozenset(
    {"key", "string", "phrase"}
)  # of "api key", "connection string", "seed phrase"
_ABOUT_SECRETS: Final = re.compile(  # names that speak of a secret without being its name
    r"tokens|tokeni[sz]|token[_ -](?:count|per)|(?:count|counter|limit|budget|type|name|len|length|size|url|uri|endpoint"
    r"|path|file|dir|ttl|expir\w*|field|policy|rule|reset|manager|provider|store|class|required|enabled|usage|flow|page"
    r"|min|max|(?<!sess)(?<!session)id)s?$|^key$|(?:\b|_)(?:primary|foreign|public|partition|sort|cache|unique|group|index|row|hash|the)[_ -]key$"
    r"|\.(?:pyi?|[jt]sx?|go|rs|rb|java|kt|c|h|cpp|cs|php|md|json|ya?ml|toml|html|css|txt|sql|sh)$",
    _I,
)
_PLACEHOLDER: Final = re.compile(
    r"\$\{?[A-Za-z_]\w*\}?|\$?\{\{.*|<[\w -]+>|[*.x]+|%\w+%|-?\d{1,2}|\(\)|(?-i:[A-Z]+(?:_[A-Z]+)+)|include|same-origin|omit"
    r"|(?:process|os|env|secrets|config|settings|self|this|request|req|var|import)\.[a-z_]\w*.*|[a-z_][\w.]*\(.*"
    r"|(?:str|string|int|bool|boolean|bytes|any|none|null|nil|undefined|true|false|optional|required)\b.{0,2}",
    _I,
)
_PROSE: Final = re.compile(  # after "the password is", when nothing is given away
    r"(?:a|an|and|the|not|no|now|never|always|also|only|still|too|in|on|at|of|to|for|from|by|with|or|it|its|that|this"
    r"|what|when|where|why|how|if|as|so|set|reset|read|sent|kept|lost|shown|known|given|taken|wrong|right|empty|blank"
    r"|correct|incorrect|valid|invalid|null|being|been|be|safe|ok|okay|there|here|everywhere|instead|option|flag|argument|parameter|value|field|header|bearer|basic|digest|minimum|maximum|\w+(?:ed|ing|able|ible))[.,;:!?)]*",
    _I,
)
_GOES_ON: Final = re.compile(
    r"[A-Za-z]+,? [A-Za-z]+(?![\w]*[:=])"
)  # "auth: add passkeys", not "token: abc user: bob"
_SETS: Final = frozenset(
    {"ENV ", "setx ", "setenv ", "-x ", "-gx ", "-Ux "}
)  # Dockerfile, Windows, csh, fish
_IDENTIFIER: Final = re.compile(r"[_-]|[A-Z]{3}")
_GIVEN: Final = re.compile(r"(?=\S{0,80}[\d!@#$%^*~])\S{6,}")  # more than a word

# -- secrets that no person wrote -----------------------------------------------------------------------------

_RUN: Final = re.compile(r"[A-Za-z0-9+/_=~.%-]{20,}")
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9]{16,}")
_LETTERS_AND_DIGITS: Final = re.compile(r"[A-Za-z0-9]+")
_STEP: Final = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_MIN_HEX: Final = 32  # shorter ones are ids of objects and short names of commits
_MIN_DIGITS: Final = (
    2  # of 40 random characters 99 % have as many; names of classes and methods seldom have two
)
_STEPS_PER_CHARACTER: Final = 0.4
"""How often a run changes between lower case, upper case and digits: 0.62 of random base64, 0.2 of camel case."""
_SIMPLE_STEPS_PER_CHARACTER: Final = 0.25
"""The same for runs of one case and digits: 0.4 of random ones."""
_KNOWN_AS_HARMLESS: Final = re.compile(
    r"(?:req|msg|toolu|srvtoolu)_|sha(?:256|384|512)-"
)  # Messages API, lock files
_NEAR: Final = 64
_DIGEST: Final = re.compile(
    r"\b(?P<digest>commit|sha\d*|md5|md5sum|hash|digest|checksum|rev|revert|revision|bisect|merge|rebase|checkout|cherry"
    r"|git|head|tag|since|between|diff|trace|span|uuid|etag|image|layer|container|integrity|broke|introduced)"
    r"|\b(?:key|token|secret|password|credential|auth)",
    _I,
)


def redact(text: str) -> str:
    """The text without what looks like a key, token, password, private key or e-mail address.

    It cannot know every secret, and sometimes takes what is none.
    """
    for pattern in _WHOLE:
        text = pattern.sub(REDACTED, text)
    for pattern in _BEHIND:
        text = pattern.sub(rf"\1{REDACTED}", text)
    text = _without_named(_EMAIL.sub(REDACTED, text))
    return _RUN.sub(_without_random_run, text)


def _without_named(text: str) -> str:
    kept: list[str] = []
    done = 0
    for found in _NAME.finditer(text):
        if found.start() < done:
            continue
        name = found["name"]
        if name.lower() in _SECOND_WORDS:
            name = _word_before(text, found.start()) + name
        if not _SECRET.search(name) or _ABOUT_SECRETS.search(name):
            continue
        value = _VALUE.match(text, found.end())
        if value is None or not _is_given_away(found, name, value[0]):
            continue
        end = value.end()
        if _PHRASE.search(name) and (words := _WORDS.match(text, end)):
            end = words.end()
        kept += (text[done : found.end()], REDACTED)
        done = end
    return "".join((*kept, text[done:])) if kept else text


def _word_before(text: str, position: int) -> str:
    """The word in front of the position, with the space between."""
    words = text[max(0, position - _NEAR) : position].rsplit(" ", 2)
    return f"{words[-2]} " if len(words) > 1 and not words[-1] else ""


def _is_given_away(found: re.Match[str], name: str, value: str) -> bool:
    plain = value.strip("\\\"'`")
    if not plain or REDACTED in plain or _PLACEHOLDER.fullmatch(plain):
        return False
    is_quoted = plain != value
    if found["sign"] is not None:
        is_prose = _PROSE.fullmatch(plain) or (
            not _PASSWORD.search(name) and _GOES_ON.match(found.string, found.end())
        )
        return is_quoted or not found["sign"].endswith(": ") or not is_prose
    if found["verb"] is not None and (_PASSWORD.search(name) or _IDENTIFIER.search(name)):
        return is_quoted or not _PROSE.fullmatch(plain)
    if name.startswith("-") or _word_before(found.string, found.start()) in _SETS:
        return not plain.startswith("-") and not _PROSE.fullmatch(plain)
    return is_quoted or _GIVEN.fullmatch(plain.rstrip(".,;:!?)")) is not None


def _without_random_run(found: re.Match[str]) -> str:
    run, start = found[0], found.start()
    if _KNOWN_AS_HARMLESS.match(run):
        return run
    if _is_mixed("".join(_LETTERS_AND_DIGITS.findall(run))) and not run.startswith("//"):
        return REDACTED
    if run[0] not in "/.~" and "." not in run.partition("/")[0]:
        return REDACTED if _is_random(found.string, start, found.end()) else run
    kept = []  # a path or an address: its parts are judged apart
    for part in run.split("/"):
        end = start + len(part)
        kept.append(REDACTED if _is_random(found.string, start, end) else part)
        start = end + 1
    return "/".join(kept)


def _is_random(text: str, start: int, end: int) -> bool:
    pieces = [piece for piece in _ALPHANUMERIC.findall(text, start, end) if not _is_word(piece)]
    if not pieces or not all(_HEX.fullmatch(piece) for piece in pieces):
        return bool(pieces)
    return not _names_a_digest(text[max(0, start - _NEAR) : end])


def _is_word(piece: str) -> bool:
    if _HEX.fullmatch(piece):
        return len(piece) < _MIN_HEX
    if piece not in (piece.lower(), piece.upper()):
        return not _is_mixed(piece, at_least=0)
    return _steps(piece) < _SIMPLE_STEPS_PER_CHARACTER


def _is_mixed(piece: str, at_least: int = 24) -> bool:
    """Whether lower case, upper case and digits follow one another as in base64."""
    has_both = piece not in (piece.lower(), piece.upper())
    has_digits = sum(map(str.isdigit, piece)) >= _MIN_DIGITS
    return len(piece) >= at_least and has_both and has_digits and _steps(piece) >= _STEPS_PER_CHARACTER


def _steps(piece: str) -> float:
    return len(_STEP.findall(piece)) / max(1, len(piece) - 1)


def _names_a_digest(text: str) -> bool:
    """Whether the last word that says what follows speaks of a digest rather than of a secret."""
    words = [found["digest"] for found in _DIGEST.finditer(text)]
    return bool(words) and words[-1] is not None
