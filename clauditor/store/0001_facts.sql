-- Facts only: identities, times, sizes, names, counts and prices. No text anybody wrote has a column here (a label,
-- where the user asks to store labels, is part of the packed session state).
--
-- Compact on purpose (a turn with its tool call stays under 400 bytes): repeated words are keys of `names`;
-- an exchange id "<connection>-<microseconds>" is two integers (an id of another form is the text in
-- `*_connection` with 0 as time); times are integer milliseconds since 1970, and what follows a start is an
-- offset to it. Columns of calls and tool_calls are those of model/facts.py.

CREATE TABLE names (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- What lists are filtered and ordered by.
CREATE TABLE sessions (
    key              INTEGER PRIMARY KEY,
    session_id       TEXT NOT NULL UNIQUE,
    project          TEXT,
    branch           TEXT,
    model            TEXT,
    started_at       REAL NOT NULL,
    last_activity_at REAL NOT NULL,
    ended_at         REAL
);
CREATE INDEX sessions_by_activity ON sessions (last_activity_at);

-- The session itself: model.session.Session in msgpack, deflated. A restart and history go on from here.
CREATE TABLE session_state (
    session INTEGER PRIMARY KEY,
    state   BLOB NOT NULL
);

CREATE TABLE calls (
    session             INTEGER NOT NULL,
    exchange_us         INTEGER NOT NULL,
    exchange_connection NOT NULL,
    agent               INTEGER NOT NULL,
    kind                INTEGER NOT NULL,  -- index into rows.CALL_KINDS
    name                INTEGER,
    turn_us             INTEGER,           -- null: the turn's first attempt, or no turn
    turn_connection,
    attempt             INTEGER NOT NULL,
    prompt,                                -- 16 bytes of a UUID, or text
    started_ms          INTEGER NOT NULL,
    first_token_ms      INTEGER,           -- after started_ms
    ended_ms            INTEGER NOT NULL,  -- after started_ms
    outcome             INTEGER NOT NULL,  -- index into rows.OUTCOMES
    status              INTEGER,
    error_type          INTEGER,
    stop_reason         INTEGER,
    model_requested     INTEGER,
    model_served        INTEGER,
    input               INTEGER,
    output              INTEGER,
    cache_read          INTEGER,
    cache_write_5m      INTEGER,
    cache_write_1h      INTEGER,
    thinking            INTEGER,
    web_searches        INTEGER,
    speed               INTEGER,
    geography           INTEGER,
    service_tier        INTEGER,
    context_tokens      INTEGER,
    extra               BLOB,              -- msgpack of Usage.extra, where it held any
    complete            INTEGER NOT NULL,
    cost_usd            REAL,
    request_bytes       INTEGER NOT NULL,
    message_id          TEXT,
    request_id          TEXT,
    PRIMARY KEY (session, exchange_us, exchange_connection)
) WITHOUT ROWID;

CREATE TABLE tool_calls (
    session             INTEGER NOT NULL,
    tool_use_id         TEXT NOT NULL,
    agent               INTEGER NOT NULL,
    exchange_us         INTEGER NOT NULL,
    exchange_connection NOT NULL,
    name                INTEGER NOT NULL,
    target              TEXT,
    called_ms           INTEGER NOT NULL,
    returned_ms         INTEGER,           -- after called_ms
    outcome             INTEGER,           -- index into rows.TOOL_OUTCOMES
    duration_ms         INTEGER,
    waited_ms           INTEGER,
    input_bytes         INTEGER NOT NULL,
    result_bytes        INTEGER NOT NULL,
    PRIMARY KEY (session, tool_use_id)
) WITHOUT ROWID;

-- One row where a window's reading changed, not one an answer.
CREATE TABLE limits (
    account    INTEGER NOT NULL,
    window     INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    billing    INTEGER NOT NULL,
    used_ratio REAL,
    resets_at  REAL,
    status     INTEGER,
    PRIMARY KEY (account, window, at_ms)
) WITHOUT ROWID;

CREATE TABLE gaps (
    key          INTEGER PRIMARY KEY,
    at           REAL NOT NULL,
    session      INTEGER,
    exchange_id  TEXT,
    reason       INTEGER NOT NULL,
    unseen_bytes INTEGER NOT NULL,
    UNIQUE (exchange_id, reason)
);
CREATE INDEX gaps_by_time ON gaps (at);

-- What a session spent on a local day with a model: what every sum over days is made of. Each call counts
-- once, however often it is written. `priced` and `incomplete` count calls with a known price, and calls of
-- which not all is known; what another model billed on top (`extra`) has its tokens in that model's row.
CREATE TABLE spending (
    day            TEXT NOT NULL,          -- 2026-11-22
    session        INTEGER NOT NULL,
    model          INTEGER NOT NULL,       -- 0: unknown
    calls          INTEGER NOT NULL,
    turns          INTEGER NOT NULL,
    priced         INTEGER NOT NULL,
    incomplete     INTEGER NOT NULL,
    input          INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    cache_read     INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    thinking       INTEGER NOT NULL,
    cost_usd       REAL NOT NULL,
    PRIMARY KEY (day, session, model)
) WITHOUT ROWID;
