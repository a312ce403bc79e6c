-- A joint laboratory: histories that may be learned from, the studies on them, the models they made, who answers for each
-- model, and every number that left.

CREATE TABLE histories (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    -- JSON list of pairs: path, SHA-256.
    files         TEXT NOT NULL,
    -- JSON: what the columns mean. NULL where outcomes are not known: such a history only serves to watch models.
    description   TEXT,
    -- JSON: what every validation on it is asked for, limits with it.
    request       TEXT NOT NULL,
    rows_min      INTEGER NOT NULL CHECK (rows_min >= 1),
    events_min    INTEGER NOT NULL CHECK (events_min >= 0),
    -- How many studies may tell of one column.
    budget        INTEGER NOT NULL CHECK (budget >= 1),
    person        TEXT NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT;

-- A model as it was made. Its states are in `model_events`.
CREATE TABLE models (
    id         INTEGER PRIMARY KEY,
    model      TEXT NOT NULL,
    edition    TEXT NOT NULL,
    title      TEXT NOT NULL,
    -- SHA-256 of its file in the folder.
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    folder     TEXT NOT NULL,
    study      INTEGER NOT NULL REFERENCES studies,
    UNIQUE (model, edition)
) STRICT;

CREATE TABLE model_events (
    id     INTEGER PRIMARY KEY,
    model  INTEGER NOT NULL REFERENCES models,
    act    TEXT NOT NULL CHECK (act IN ('trained', 'validated', 'approved', 'retired')),
    person TEXT NOT NULL,
    -- Of `trained` and `validated`: by which study.
    study  INTEGER REFERENCES studies,
    note   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    CHECK ((act IN ('trained', 'validated')) = (study IS NOT NULL))
) STRICT;
CREATE INDEX model_events_by_model ON model_events (model);

-- What was ordered. Never changes.
CREATE TABLE studies (
    id             INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('training', 'validation', 'comparison', 'monitoring')),
    history        INTEGER NOT NULL REFERENCES histories,
    -- The model that is validated or watched, or the champion; the challenger. NULL in a training.
    model          INTEGER REFERENCES models,
    challenger     INTEGER REFERENCES models,
    -- Of a training: the plan, JSON.
    plan           TEXT,
    person         TEXT NOT NULL,
    request_id     TEXT NOT NULL UNIQUE,
    request_digest BLOB NOT NULL CHECK (length(request_digest) = 32),
    ordered_at     INTEGER NOT NULL,
    CHECK ((kind = 'training') = (plan IS NOT NULL)),
    CHECK ((kind = 'training') = (model IS NULL)),
    CHECK ((kind = 'comparison') = (challenger IS NOT NULL))
) STRICT;

CREATE TABLE study_events (
    id     INTEGER PRIMARY KEY,
    study  INTEGER NOT NULL REFERENCES studies,
    state  TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    at     INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX study_events_by_study ON study_events (study);

-- Projection: the last event of a study; who carries it out, and how often that one said that it lives.
CREATE TABLE study_states (
    study       INTEGER PRIMARY KEY REFERENCES studies,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    holder      TEXT,
    beats       INTEGER NOT NULL,
    stage       TEXT NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    detail      TEXT NOT NULL,
    -- Whether every limit was kept, once it has succeeded.
    passed      INTEGER CHECK (passed IN (0, 1))
) STRICT;
CREATE INDEX study_states_open ON study_states (state, study) WHERE state IN ('queued', 'running');

-- The numbers of a study, without those that would tell too much of too few: these have no value here either.
CREATE TABLE figures (
    study    INTEGER NOT NULL REFERENCES studies,
    place    INTEGER NOT NULL,
    name     TEXT NOT NULL,
    -- The column it tells of; empty for those of all columns together.
    of       TEXT NOT NULL,
    value    TEXT,
    rows     INTEGER NOT NULL,
    defaults INTEGER NOT NULL,
    PRIMARY KEY (study, place)
) STRICT, WITHOUT ROWID;

-- Every number that left, each time it did.
CREATE TABLE releases (
    id      INTEGER PRIMARY KEY,
    history INTEGER NOT NULL REFERENCES histories,
    study   INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    of      TEXT NOT NULL,
    person  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    FOREIGN KEY (study, place) REFERENCES figures
) STRICT;
CREATE INDEX releases_by_column ON releases (history, of, study);
