"""The table of the API: every path with its parameters, from which routes and checks are made (and `openapi`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from clauditor.edge import hooks
from clauditor.edge.sources import SortName, SpentBy
from clauditor.model.agent import State
from clauditor.model.events import Severity
from clauditor.model.verdict import Level
from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.story import TABS
from clauditor.ui.views.table import SORTS

JSON: Final = "application/json"


class BadParameterError(Exception):
    """A query parameter cannot be used; the text is one sentence for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter. Numbers are whole and held to `minimum`..`maximum`; words to `choices`, if any."""

    name: str
    text: str
    minimum: int | None = None
    maximum: int = 256
    default: int | str | None = None
    choices: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        return self.minimum is not None

    def parse(self, value: str) -> int | str:
        """The value, or BadParameterError."""
        if self.minimum is not None:
            digits = value.removeprefix("-") if self.minimum < 0 else value
            is_number = digits.isascii() and digits.isdecimal() and len(value) < 10
            number = int(value) if is_number else self.minimum - 1
            if not self.minimum <= number <= self.maximum:
                raise BadParameterError(
                    f"{self.name} must be a whole number from {self.minimum} to {self.maximum}."
                )
            return number
        if self.choices and value not in self.choices:
            raise BadParameterError(f"{self.name} must be one of {', '.join(self.choices)}.")
        if len(value) > self.maximum:
            raise BadParameterError(f"{self.name} must not be longer than {self.maximum} characters.")
        return value

    def schema(self) -> dict[str, Any]:
        if self.is_number:
            limits = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
            return limits if self.default is None else limits | {"default": self.default}
        if self.choices:
            words = {"type": "string", "enum": list(self.choices)}
            return words if self.default is None else words | {"default": self.default}
        return {"type": "string", "maxLength": self.maximum}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path and method. `{id}` in `path` is a session id or the first four or more characters of one.

    A POST takes a JSON object of at most `max_body_bytes` as its body, and no query; with `is_raw` its handler
    gets the bytes as they came.
    """

    path: str
    text: str
    method: Literal["GET", "POST"] = "GET"
    parameters: tuple[Parameter, ...] = ()
    media_type: str = JSON
    is_open: bool = False
    max_body_bytes: int = 64 << 10
    is_raw: bool = False

    def parse(self, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """Every parameter by name, None or its default where it was not given. Raises BadParameterError."""
        known = {parameter.name: parameter for parameter in self.parameters}
        values: dict[str, Any] = {name: parameter.default for name, parameter in known.items()}
        for name, value in query:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise BadParameterError(f"{self.path} does not know the parameter {name[:40]!r}; {takes}.")
            values[name] = known[name].parse(value)
        return values


_LIMIT: Final = Parameter(name="limit", text="At most so many.", minimum=1, maximum=1000, default=50)
_DAYS: Final = Parameter(name="days", text="Active in the last so many days.", minimum=1, maximum=3650)

HEALTH: Final = Endpoint(path="/healthz", text="Whether the sidecar serves.", is_open=True)
METRICS: Final = Endpoint(path="/metrics", text="Prometheus metrics.", media_type="text/plain")
SESSIONS: Final = Endpoint(
    path="/api/v1/sessions",
    text="Sessions, live and past, the newest, dearest or fullest first as `sort` says.",
    parameters=(
        _LIMIT,
        _DAYS,
        Parameter(name="state", text="Only sessions in this state.", choices=get_args(State)),
        Parameter(name="search", text="Found in label, project, branch or model, or the id begins with it."),
        Parameter(name="project", text="Only of this project, in whatever case."),
        Parameter(name="model", text="Only where this is part of the model's id."),
        Parameter(
            name="verdict", text="Only where this was the worst there ever was.", choices=get_args(Level)
        ),
        Parameter(name="signal", text="Only where this signal holds or ever held."),
        Parameter(
            name="sort",
            text="What comes first: the most of this.",
            default="activity",
            choices=get_args(SortName),
        ),
    ),
)
SESSION: Final = Endpoint(
    path="/api/v1/sessions/{id}",
    text="One session: its snapshot, side calls by name (`side_calls_by_name`) and `recent_turns`.",
)
TURNS: Final = Endpoint(
    path="/api/v1/sessions/{id}/turns",
    text="The newest turns of a session, oldest first, with their attempts and tools.",
    parameters=(Parameter(name="limit", text="At most so many.", minimum=1, maximum=5000, default=1000),),
)
POSTMORTEM: Final = Endpoint(
    path="/api/v1/sessions/{id}/postmortem",
    text="What a session was, what went wrong, what it wasted, and how to go on.",
)
MUTE: Final = Endpoint(
    path="/api/v1/sessions/{id}/mute",
    text="With `muted` true a live session asks for no attention until its signals clear, an hour at most.",
    method="POST",
)
PURGE: Final = Endpoint(
    path="/api/v1/purge",
    text="Makes what is recorded of a `session`, a `project`, the time before `older_than_days` or `all` be gone for good.",
    method="POST",
)
RESTORE: Final = Endpoint(
    path="/api/v1/restore",
    text="Puts the copy that `clauditor restore` prepared in the place of the history. The body is an empty object.",
    method="POST",
)
HOOKS: Final = Endpoint(
    path="/api/v1/hooks/claude-code",
    text="Takes the input of a Claude Code hook, or of its status line.",
    method="POST",
    max_body_bytes=hooks.MAX_BODY_BYTES,
    is_raw=True,
)
STATUS_LINE: Final = Endpoint(
    path="/api/v1/statusline",
    text="Takes a status line's input and answers what the line needs: its session, who else asks, incidents.",
    method="POST",
    max_body_bytes=hooks.MAX_BODY_BYTES,
    is_raw=True,
)
SUMMARY: Final = Endpoint(
    path="/api/v1/summary",
    text="Today, the last seven days (local) and the last hour, live sessions, account limits.",
)
SIGNALS: Final = Endpoint(
    path="/api/v1/signals",
    text="Signals, those that hold and those that held, newest first.",
    parameters=(
        _LIMIT,
        Parameter(name="days", text="Raised in the last so many days.", minimum=1, maximum=3650),
        Parameter(name="session", text="Only of this session: its id, or the beginning of it."),
        Parameter(name="name", text="Only the signal of this name."),
        Parameter(name="severity", text="Only of this severity.", choices=get_args(Severity)),
    ),
)
SPEND: Final = Endpoint(
    path="/api/v1/spend",
    text="Calls, tokens and cost of the last so many local days, today included.",
    parameters=(
        Parameter(name="by", text="What a row stands for.", default="day", choices=get_args(SpentBy)),
        Parameter(name="days", text="How many days.", minimum=1, maximum=3650, default=7),
    ),
)
GAPS: Final = Endpoint(
    path="/api/v1/gaps",
    text="Traffic that passed unseen, newest first.",
    parameters=(_LIMIT, _DAYS),
)
STREAM: Final = Endpoint(
    path="/api/v1/stream",
    text="Server-sent events: `snapshot`, `event`, `heartbeat`; resumes with Last-Event-ID.",
    parameters=(Parameter(name="session", text="Only this session."),),
    media_type="text/event-stream",
)
OPENAPI: Final = Endpoint(path="/api/v1/openapi.json", text="This description.")

_ZONE: Final = Parameter(
    name="zone", text="Minutes the reader's clock is ahead of UTC.", minimum=-1080, maximum=1080, default=0
)
PAGE_STREAM: Final = Endpoint(
    path="/api/v1/page/stream",
    text="Server-sent events for the web page: the live table in words; the first one is whole.",
    parameters=(
        Parameter(name="view", text="Which columns.", default="attention", choices=VIEWS),
        Parameter(name="sort", text="In which order; as the view has it if not given.", choices=SORTS),
        Parameter(name="find", text="Only what matches, as `/` in `clauditor top` does."),
        Parameter(
            name="unfold", text="1: idle, ended and scripted ones too.", minimum=0, maximum=1, default=0
        ),
        _ZONE,
    ),
    media_type="text/event-stream",
)
PAGE_SESSION: Final = Endpoint(
    path="/api/v1/page/sessions/{id}",
    text="One session in words, for the web page.",
    parameters=(
        Parameter(name="tab", text="What of it.", default=TABS[0], choices=TABS),
        _ZONE,
    ),
)
PAGE_POSTMORTEM: Final = Endpoint(
    path="/api/v1/page/sessions/{id}/postmortem",
    text="Its post-mortem in words, for the web page.",
    parameters=(_ZONE,),
)
PAGE_MUTE: Final = Endpoint(
    path="/api/v1/page/sessions/{id}/mute",
    text="The same as without `page/`, for the web page.",
    method="POST",
)
PAGE_SESSIONS: Final = Endpoint(
    path="/api/v1/page/sessions",
    text="The history in words, for the web page; the newest activity first.",
    parameters=(
        _LIMIT,
        _DAYS,
        Parameter(name="search", text="Found in label, project, branch or model, or the id begins with it."),
        _ZONE,
    ),
)
PAGE_LIMITS: Final = Endpoint(
    path="/api/v1/page/limits",
    text="Limits with where their pace leads, and the last days' cost, in words, for the web page.",
    parameters=(_ZONE,),
)
PAGE_CODE: Final = Endpoint(
    path="/api/v1/page/code",
    text="Answers a `code` that lets one web page in, once, within a minute. The body is an empty object.",
    method="POST",
)
PAGE_KEY: Final = Endpoint(
    path="/api/v1/page/key",
    text="Takes a `code` and answers the `key` that opens what lies below /api/v1/page/.",
    method="POST",
    is_open=True,
    max_body_bytes=1 << 10,
)

ENDPOINTS: Final = (
    *(HEALTH, METRICS, SESSIONS, SESSION, TURNS, POSTMORTEM, SUMMARY, SIGNALS, SPEND, GAPS, STREAM, OPENAPI),
    *(MUTE, HOOKS, STATUS_LINE, PURGE, RESTORE),
    *(PAGE_STREAM, PAGE_SESSIONS, PAGE_SESSION, PAGE_POSTMORTEM, PAGE_LIMITS, PAGE_MUTE, PAGE_CODE, PAGE_KEY),
)
