-- Signals, what lists are filtered and sorted by, and what lets the old go while its sums stay.

-- What lists ask for, so that no packed state has to be opened to answer. `label` is filled only where the user
-- asks to store labels: the one column that may hold words of a person.
ALTER TABLE sessions ADD COLUMN label TEXT;
ALTER TABLE sessions ADD COLUMN billing TEXT;
ALTER TABLE sessions ADD COLUMN cost_usd REAL;
ALTER TABLE sessions ADD COLUMN context_ratio REAL;
ALTER TABLE sessions ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;    -- the worst ever: index into rows.LEVELS
ALTER TABLE sessions ADD COLUMN has_calls INTEGER NOT NULL DEFAULT 1;  -- 0: its calls and tool calls are gone

UPDATE sessions SET cost_usd = spent.cost_usd FROM (
    SELECT session, sum(cost_usd) AS cost_usd FROM spending GROUP BY session HAVING sum(priced) > 0
) AS spent WHERE spent.session = sessions.key;

CREATE INDEX sessions_by_start ON sessions (started_at);
CREATE INDEX sessions_by_cost ON sessions (cost_usd);
CREATE INDEX sessions_by_context ON sessions (context_ratio);
CREATE INDEX sessions_by_project ON sessions (project COLLATE NOCASE, last_activity_at);
CREATE INDEX sessions_by_verdict ON sessions (verdict, last_activity_at);
CREATE INDEX sessions_with_calls ON sessions (started_at) WHERE has_calls;

-- Every time a signal held. The summary is a sentence of numbers and names, made by the signal.
CREATE TABLE signals (
    session    INTEGER NOT NULL,
    name       INTEGER NOT NULL,
    raised_ms  INTEGER NOT NULL,
    severity   INTEGER NOT NULL,  -- index into rows.SEVERITIES
    cleared_ms INTEGER,           -- after raised_ms; null while it holds
    agent      INTEGER NOT NULL,
    evidence   INTEGER NOT NULL,  -- index into rows.EVIDENCES
    summary    TEXT NOT NULL,
    PRIMARY KEY (session, name, raised_ms, severity)
) WITHOUT ROWID;
CREATE INDEX signals_by_time ON signals (raised_ms);

-- Which signals a session ever had, and how severe: stays as long as the session does.
CREATE TABLE session_signals (
    session  INTEGER NOT NULL,
    name     INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    PRIMARY KEY (session, name)
) WITHOUT ROWID;
CREATE INDEX session_signals_by_name ON session_signals (name);

-- `spending` of sessions that are gone. Columns are the same; an empty project or branch is an unknown one.
-- `estimated`: 1 unless the account pays by use.
CREATE TABLE day_totals (
    day            TEXT NOT NULL,
    project        TEXT NOT NULL,
    branch         TEXT NOT NULL,
    model          INTEGER NOT NULL,
    estimated      INTEGER NOT NULL,
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
    PRIMARY KEY (day, project, branch, model, estimated)
) WITHOUT ROWID;
CREATE INDEX spending_by_session ON spending (session);

-- From here on a gap counts in `spending` as something incomplete that is no call (session 0: nobody knows whose),
-- so that a day stays "at least" when its gaps are forgotten.
INSERT INTO spending
    SELECT date(at, 'unixepoch', 'localtime'), coalesce(session, 0), 0, 0, 0, 0, count(*), 0, 0, 0, 0, 0, 0, 0.0
    FROM gaps WHERE true GROUP BY 1, 2
    ON CONFLICT DO UPDATE SET incomplete = incomplete + excluded.incomplete;
