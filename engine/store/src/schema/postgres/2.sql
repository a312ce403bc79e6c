-- The tables of `schema/2.sql` as PostgreSQL has them. Comments on what they hold stand there.

CREATE TABLE schedule_events (
    id       BIGINT PRIMARY KEY DEFAULT next_number('schedule_events', 'id'),
    schedule TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL CHECK (kind IN ('created', 'paused', 'resumed', 'deleted')),
    at       BIGINT NOT NULL,
    body     TEXT COLLATE "C" NOT NULL
);

CREATE TABLE schedules (
    name        TEXT COLLATE "C" PRIMARY KEY,
    fields      TEXT COLLATE "C" NOT NULL,
    cron        TEXT COLLATE "C" NOT NULL,
    time_zone   TEXT COLLATE "C" NOT NULL,
    cut_off     TEXT COLLATE "C" NOT NULL,
    missed      TEXT COLLATE "C" NOT NULL,
    dataset     TEXT COLLATE "C",
    incremental BIGINT NOT NULL CHECK (incremental IN (0, 1)),
    paused      BIGINT NOT NULL CHECK (paused IN (0, 1)),
    handled_to  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE runs (
    id             BIGINT PRIMARY KEY DEFAULT next_number('runs', 'id'),
    field          TEXT COLLATE "C" NOT NULL,
    as_of          BIGINT NOT NULL,
    known_at       BIGINT NOT NULL,
    dataset        TEXT COLLATE "C",
    incremental    BIGINT NOT NULL CHECK (incremental IN (0, 1)),
    schedule       TEXT COLLATE "C",
    fired_at       BIGINT,
    request_id     TEXT COLLATE "C" UNIQUE,
    request_digest BYTEA CHECK (length(request_digest) = 32),
    ordered_at     BIGINT NOT NULL,
    CHECK ((schedule IS NULL) = (fired_at IS NULL)),
    CHECK ((request_id IS NULL) = (request_digest IS NULL))
);
CREATE UNIQUE INDEX runs_by_firing ON runs (schedule, fired_at, field) WHERE schedule IS NOT NULL;

CREATE TABLE run_events (
    id     BIGINT PRIMARY KEY DEFAULT next_number('run_events', 'id'),
    run    BIGINT NOT NULL REFERENCES runs,
    state  TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    at     BIGINT NOT NULL,
    detail TEXT COLLATE "C" NOT NULL
);
CREATE INDEX run_events_by_run ON run_events (run);

CREATE TABLE run_states (
    run              BIGINT PRIMARY KEY REFERENCES runs,
    field            TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL,
    attempts         BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL CHECK (cancel_requested IN (0, 1)),
    previous         BIGINT REFERENCES runs,
    done             BIGINT NOT NULL,
    total            BIGINT NOT NULL,
    started_at       BIGINT,
    finished_at      BIGINT,
    detail           TEXT COLLATE "C" NOT NULL,
    results          TEXT COLLATE "C",
    manifest         BYTEA CHECK (length(manifest) = 32),
    counts           TEXT COLLATE "C"
);
CREATE INDEX run_states_by_field ON run_states (field, run);
CREATE INDEX run_states_open ON run_states (state, run) WHERE state IN ('queued', 'running');

CREATE TABLE run_locks (
    field   TEXT COLLATE "C" PRIMARY KEY,
    run     BIGINT NOT NULL REFERENCES runs,
    holder  TEXT COLLATE "C" NOT NULL,
    beats   BIGINT NOT NULL,
    beat_at BIGINT NOT NULL
);

CREATE TABLE run_policies (
    id      BIGINT PRIMARY KEY DEFAULT next_number('run_policies', 'id'),
    policy  TEXT COLLATE "C" NOT NULL,
    edition TEXT COLLATE "C" NOT NULL,
    digest  BYTEA NOT NULL CHECK (length(digest) = 32),
    UNIQUE (policy, edition, digest)
);

CREATE TABLE loads (
    id       BIGINT PRIMARY KEY DEFAULT next_number('loads', 'id'),
    run      BIGINT NOT NULL REFERENCES runs,
    manifest BYTEA NOT NULL CHECK (length(manifest) = 32),
    rows     BIGINT NOT NULL
);
CREATE INDEX loads_by_run ON loads (run);

CREATE TABLE run_tiers (
    load           BIGINT NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,
    policy         BIGINT NOT NULL,
    tier           BIGINT,
    previous_tier  BIGINT,
    public_grade   TEXT COLLATE "C",
    public_score   BIGINT,
    industry_grade TEXT COLLATE "C",
    industry_score BIGINT,
    region         BIGINT,
    industry       TEXT COLLATE "C",
    horizon        BIGINT,
    PRIMARY KEY (load, subject)
);

CREATE TABLE publications (
    id             BIGINT PRIMARY KEY DEFAULT next_number('publications', 'id'),
    load           BIGINT NOT NULL UNIQUE,
    run            BIGINT NOT NULL REFERENCES runs,
    field          TEXT COLLATE "C" NOT NULL,
    as_of          BIGINT NOT NULL,
    known_at       BIGINT NOT NULL,
    published_at   BIGINT NOT NULL,
    after_decision BIGINT NOT NULL,
    rows           BIGINT NOT NULL,
    changes        BIGINT NOT NULL
);

CREATE TABLE loaded_runs (
    field       TEXT COLLATE "C" PRIMARY KEY,
    publication BIGINT NOT NULL REFERENCES publications
);

CREATE TABLE run_changes (
    load     BIGINT NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    before   BIGINT,
    now      BIGINT,
    policy   BIGINT,
    region   BIGINT,
    industry TEXT COLLATE "C",
    PRIMARY KEY (load, subject)
);
CREATE TRIGGER run_changes_is_never_changed BEFORE UPDATE OR TRUNCATE ON run_changes
FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept();
-- What never took effect may go.
CREATE FUNCTION published_changes_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM publications WHERE load = OLD.load) THEN
        RAISE EXCEPTION 'run_changes: history is never removed';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER run_changes_is_never_removed BEFORE DELETE ON run_changes
FOR EACH ROW EXECUTE FUNCTION published_changes_are_kept();
