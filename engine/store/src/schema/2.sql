-- Runs that re-evaluate a whole field of supervision, their schedules, and the tiers they gave.

-- Who changed which schedule, and how. `schedules` holds what these events come to.
CREATE TABLE schedule_events (
    id       INTEGER PRIMARY KEY,
    schedule TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('created', 'paused', 'resumed', 'deleted')),
    at       INTEGER NOT NULL,
    -- Of `created`: everything the schedule says, as JSON.
    body     TEXT NOT NULL
) STRICT;

-- Projection of the events, with the last firing that was dealt with: that one moves every time and is no history of
-- its own, because every run says which firing it comes from.
CREATE TABLE schedules (
    name        TEXT PRIMARY KEY,
    -- JSON list, in the order their runs are queued.
    fields      TEXT NOT NULL,
    cron        TEXT NOT NULL,
    time_zone   TEXT NOT NULL,
    cut_off     TEXT NOT NULL,
    missed      TEXT NOT NULL,
    -- NULL: the ledger.
    dataset     TEXT,
    incremental INTEGER NOT NULL CHECK (incremental IN (0, 1)),
    paused      INTEGER NOT NULL CHECK (paused IN (0, 1)),
    -- Firings up to this moment have been dealt with.
    handled_to  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- What was ordered. Never changes.
CREATE TABLE runs (
    id             INTEGER PRIMARY KEY,
    field          TEXT NOT NULL,
    as_of          INTEGER NOT NULL,
    known_at       INTEGER NOT NULL,
    -- NULL: the ledger.
    dataset        TEXT,
    incremental    INTEGER NOT NULL CHECK (incremental IN (0, 1)),
    schedule       TEXT,
    fired_at       INTEGER,
    request_id     TEXT UNIQUE,
    request_digest BLOB CHECK (length(request_digest) = 32),
    ordered_at     INTEGER NOT NULL,
    CHECK ((schedule IS NULL) = (fired_at IS NULL)),
    CHECK ((request_id IS NULL) = (request_digest IS NULL))
) STRICT;
-- However many processes look after the schedules, a firing makes one run of a field.
CREATE UNIQUE INDEX runs_by_firing ON runs (schedule, fired_at, field) WHERE schedule IS NOT NULL;

-- Every change of a run's state.
CREATE TABLE run_events (
    id     INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL REFERENCES runs,
    state  TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    at     INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX run_events_by_run ON run_events (run);

-- Projection: the last event of a run, with its progress, which is no history.
CREATE TABLE run_states (
    run              INTEGER PRIMARY KEY REFERENCES runs,
    field            TEXT NOT NULL,
    state            TEXT NOT NULL,
    -- How often a process began it.
    attempts         INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    -- Of an incremental run: the run it goes on from, chosen when it begins.
    previous         INTEGER REFERENCES runs,
    done             INTEGER NOT NULL,
    total            INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    -- Why it failed, was cancelled or went back into the queue.
    detail           TEXT NOT NULL,
    results          TEXT,
    manifest         BLOB CHECK (length(manifest) = 32),
    -- Counts as JSON, once it has succeeded.
    counts           TEXT
) STRICT;
CREATE INDEX run_states_by_field ON run_states (field, run);
CREATE INDEX run_states_open ON run_states (state, run) WHERE state IN ('queued', 'running');

-- One run at a time in a field. A holder counts `beats` up; who sees the count stand still takes over.
CREATE TABLE run_locks (
    field   TEXT PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs,
    -- Host, process and a random part: no two holders are alike.
    holder  TEXT NOT NULL,
    beats   INTEGER NOT NULL,
    beat_at INTEGER NOT NULL
) STRICT;

CREATE TABLE run_policies (
    id      INTEGER PRIMARY KEY,
    policy  TEXT NOT NULL,
    edition TEXT NOT NULL,
    digest  BLOB NOT NULL CHECK (length(digest) = 32),
    UNIQUE (policy, edition, digest)
) STRICT;

-- Results on their way in: how far their rows have come.
CREATE TABLE loads (
    id       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL REFERENCES runs,
    manifest BLOB NOT NULL CHECK (length(manifest) = 32),
    rows     INTEGER NOT NULL
) STRICT;
CREATE INDEX loads_by_run ON loads (run);

-- Rows of loads. Those of the load that `loaded_runs` names are the tiers of a field; others are on their way in or
-- out. No keys lead elsewhere: millions of rows come in at once, and each key would be looked up.
CREATE TABLE run_tiers (
    load           INTEGER NOT NULL,
    subject        TEXT NOT NULL,
    policy         INTEGER NOT NULL,
    tier           INTEGER,
    previous_tier  INTEGER,
    public_grade   TEXT,
    public_score   INTEGER,
    industry_grade TEXT,
    industry_score INTEGER,
    region         INTEGER,
    industry       TEXT,
    horizon        INTEGER,
    PRIMARY KEY (load, subject)
) STRICT, WITHOUT ROWID;

-- Loads that took effect, in the order they did: a number of this order and one of `tiers` say how far a watcher is.
CREATE TABLE publications (
    id             INTEGER PRIMARY KEY,
    load           INTEGER NOT NULL UNIQUE,
    run            INTEGER NOT NULL REFERENCES runs,
    field          TEXT NOT NULL,
    as_of          INTEGER NOT NULL,
    known_at       INTEGER NOT NULL,
    published_at   INTEGER NOT NULL,
    -- The last decision on record then: all changes by decisions up to it come before those of this load.
    after_decision INTEGER NOT NULL,
    rows           INTEGER NOT NULL,
    changes        INTEGER NOT NULL
) STRICT;

-- Projection: whose tiers a field has.
CREATE TABLE loaded_runs (
    field       TEXT PRIMARY KEY,
    publication INTEGER NOT NULL REFERENCES publications
) STRICT;

-- What a load changed against the load before it in its field. Kept when the rows are gone, for watchers that resume.
CREATE TABLE run_changes (
    load     INTEGER NOT NULL,
    subject  TEXT NOT NULL,
    before   INTEGER,
    now      INTEGER,
    -- NULL: the subject is no longer in the run.
    policy   INTEGER,
    region   INTEGER,
    industry TEXT,
    PRIMARY KEY (load, subject)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER run_changes_is_never_changed BEFORE UPDATE ON run_changes
BEGIN SELECT RAISE(ABORT, 'run_changes: history is never changed'); END;
-- What never took effect may go.
CREATE TRIGGER run_changes_is_never_removed BEFORE DELETE ON run_changes
WHEN EXISTS (SELECT 1 FROM publications WHERE load = OLD.load)
BEGIN SELECT RAISE(ABORT, 'run_changes: history is never removed'); END;
