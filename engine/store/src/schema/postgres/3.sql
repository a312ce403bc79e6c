-- The tables of `schema/3.sql` as PostgreSQL has them. Comments on what they hold stand there.

CREATE TABLE histories (
    id            BIGINT PRIMARY KEY DEFAULT next_number('histories', 'id'),
    name          TEXT COLLATE "C" NOT NULL UNIQUE,
    files         TEXT COLLATE "C" NOT NULL,
    description   TEXT COLLATE "C",
    request       TEXT COLLATE "C" NOT NULL,
    rows_min      BIGINT NOT NULL CHECK (rows_min >= 1),
    events_min    BIGINT NOT NULL CHECK (events_min >= 0),
    budget        BIGINT NOT NULL CHECK (budget >= 1),
    person        TEXT COLLATE "C" NOT NULL,
    registered_at BIGINT NOT NULL
);

CREATE TABLE models (
    id         BIGINT PRIMARY KEY DEFAULT next_number('models', 'id'),
    model      TEXT COLLATE "C" NOT NULL,
    edition    TEXT COLLATE "C" NOT NULL,
    title      TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL CHECK (length(digest) = 32),
    folder     TEXT COLLATE "C" NOT NULL,
    study      BIGINT NOT NULL,
    UNIQUE (model, edition)
);

CREATE TABLE model_events (
    id     BIGINT PRIMARY KEY DEFAULT next_number('model_events', 'id'),
    model  BIGINT NOT NULL REFERENCES models,
    act    TEXT COLLATE "C" NOT NULL CHECK (act IN ('trained', 'validated', 'approved', 'retired')),
    person TEXT COLLATE "C" NOT NULL,
    study  BIGINT,
    note   TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    CHECK ((act IN ('trained', 'validated')) = (study IS NOT NULL))
);
CREATE INDEX model_events_by_model ON model_events (model);

CREATE TABLE studies (
    id             BIGINT PRIMARY KEY DEFAULT next_number('studies', 'id'),
    kind           TEXT COLLATE "C" NOT NULL CHECK (kind IN ('training', 'validation', 'comparison', 'monitoring')),
    history        BIGINT NOT NULL REFERENCES histories,
    model          BIGINT REFERENCES models,
    challenger     BIGINT REFERENCES models,
    plan           TEXT COLLATE "C",
    person         TEXT COLLATE "C" NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL UNIQUE,
    request_digest BYTEA NOT NULL CHECK (length(request_digest) = 32),
    ordered_at     BIGINT NOT NULL,
    CHECK ((kind = 'training') = (plan IS NOT NULL)),
    CHECK ((kind = 'training') = (model IS NULL)),
    CHECK ((kind = 'comparison') = (challenger IS NOT NULL))
);
-- Models name studies and studies models. A copy of a ledger brings all of one in before the other.
ALTER TABLE models ADD FOREIGN KEY (study) REFERENCES studies DEFERRABLE;
ALTER TABLE model_events ADD FOREIGN KEY (study) REFERENCES studies DEFERRABLE;

CREATE TABLE study_events (
    id     BIGINT PRIMARY KEY DEFAULT next_number('study_events', 'id'),
    study  BIGINT NOT NULL REFERENCES studies,
    state  TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    at     BIGINT NOT NULL,
    detail TEXT COLLATE "C" NOT NULL
);
CREATE INDEX study_events_by_study ON study_events (study);

CREATE TABLE study_states (
    study       BIGINT PRIMARY KEY REFERENCES studies,
    state       TEXT COLLATE "C" NOT NULL,
    attempts    BIGINT NOT NULL,
    holder      TEXT COLLATE "C",
    beats       BIGINT NOT NULL,
    stage       TEXT COLLATE "C" NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT,
    detail      TEXT COLLATE "C" NOT NULL,
    passed      BIGINT CHECK (passed IN (0, 1))
);
CREATE INDEX study_states_open ON study_states (state, study) WHERE state IN ('queued', 'running');

CREATE TABLE figures (
    study    BIGINT NOT NULL REFERENCES studies,
    place    BIGINT NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    of       TEXT COLLATE "C" NOT NULL,
    value    TEXT COLLATE "C",
    rows     BIGINT NOT NULL,
    defaults BIGINT NOT NULL,
    PRIMARY KEY (study, place)
);

CREATE TABLE releases (
    id      BIGINT PRIMARY KEY DEFAULT next_number('releases', 'id'),
    history BIGINT NOT NULL REFERENCES histories,
    study   BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    of      TEXT COLLATE "C" NOT NULL,
    person  TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    FOREIGN KEY (study, place) REFERENCES figures
);
CREATE INDEX releases_by_column ON releases (history, of, study);
