-- The tables of `schema/1.sql` as PostgreSQL has them: integers of 64 bits, texts compared byte by byte (`COLLATE "C"`), and
-- numbers given one after another, without the gaps that sequences leave. Comments on what they hold stand there.

-- One more than the last number in use. Sound while one transaction writes at a time.
CREATE FUNCTION next_number(of_table TEXT, of_column TEXT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    given BIGINT;
BEGIN
    EXECUTE format('SELECT coalesce(max(%I), 0) + 1 FROM %I', of_column, of_table) INTO given;
    RETURN given;
END
$$;

-- The guard of tables that only grow.
CREATE FUNCTION history_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: history is never %', TG_TABLE_NAME,
        CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END;
END
$$;

-- Where a text begins in another one, as SQLite names it; 0 when it does not occur.
CREATE FUNCTION instr(whole TEXT, part TEXT) RETURNS INTEGER LANGUAGE sql IMMUTABLE STRICT AS
    'SELECT strpos(whole, part)';

CREATE TABLE settings (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE batches (
    recorded_at BIGINT PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('facts', 'deliveries')),
    actor       TEXT COLLATE "C" NOT NULL,
    vocabulary  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE ingests (
    recorded_at BIGINT PRIMARY KEY REFERENCES batches,
    file_name   TEXT COLLATE "C",
    file_sha256 BYTEA CHECK (length(file_sha256) = 32),
    layout      TEXT COLLATE "C",
    vocabulary  TEXT COLLATE "C" NOT NULL,
    accepted    BIGINT NOT NULL,
    duplicate   BIGINT NOT NULL,
    corrected   BIGINT NOT NULL,
    quarantined BIGINT NOT NULL
);
CREATE INDEX ingests_by_file ON ingests (file_sha256) WHERE file_sha256 IS NOT NULL;

CREATE TABLE subjects (
    id          BIGINT PRIMARY KEY DEFAULT next_number('subjects', 'id'),
    code        TEXT COLLATE "C" NOT NULL UNIQUE,
    recorded_at BIGINT NOT NULL REFERENCES batches
);

CREATE TABLE classes (
    id         BIGINT PRIMARY KEY DEFAULT next_number('classes', 'id'),
    code       TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    UNIQUE (code, attributes)
);

CREATE TABLE facts (
    seq             BIGINT PRIMARY KEY DEFAULT next_number('facts', 'seq'),
    subject         BIGINT NOT NULL REFERENCES subjects,
    key             BYTEA NOT NULL CHECK (length(key) = 16),
    class           BIGINT NOT NULL REFERENCES classes,
    occurred_on     BIGINT NOT NULL,
    ends_on         BIGINT,
    publicity_until BIGINT,
    number          BIGINT,
    recorded_at     BIGINT NOT NULL REFERENCES batches,
    target          BYTEA CHECK (length(target) = 16),
    reference       TEXT COLLATE "C",
    content         BYTEA NOT NULL CHECK (length(content) = 32),
    line            BIGINT NOT NULL,
    body            TEXT COLLATE "C" NOT NULL
);
CREATE INDEX facts_by_subject ON facts (subject, key, seq);

CREATE TABLE registrations (
    seq            BIGINT PRIMARY KEY REFERENCES facts,
    established_on BIGINT,
    region         BIGINT,
    industry       TEXT COLLATE "C",
    capital        BIGINT
);

CREATE TABLE relations (
    seq             BIGINT PRIMARY KEY REFERENCES facts,
    subject         BIGINT NOT NULL REFERENCES subjects,
    kind            TEXT COLLATE "C" NOT NULL,
    related_subject TEXT COLLATE "C",
    person          TEXT COLLATE "C",
    CHECK ((related_subject IS NULL) <> (person IS NULL))
);
CREATE INDEX relations_by_person ON relations (person, kind) WHERE person IS NOT NULL;

CREATE TABLE identities (
    id             BIGINT PRIMARY KEY DEFAULT next_number('identities', 'id'),
    subject        BIGINT NOT NULL REFERENCES subjects,
    normalised     TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    region         BIGINT,
    legal_form     TEXT COLLATE "C",
    established_on BIGINT,
    registered     BIGINT NOT NULL CHECK (registered IN (0, 1)),
    recorded_at    BIGINT NOT NULL REFERENCES batches
);
CREATE INDEX identities_by_subject ON identities (subject);
CREATE INDEX identities_by_name ON identities (normalised);

CREATE TABLE conflicts (
    id            BIGINT PRIMARY KEY DEFAULT next_number('conflicts', 'id'),
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('one-code-two-subjects', 'one-subject-two-codes')),
    subject       BIGINT NOT NULL REFERENCES subjects,
    other_subject BIGINT REFERENCES subjects,
    detail        TEXT COLLATE "C" NOT NULL,
    recorded_at   BIGINT NOT NULL REFERENCES batches
);
CREATE INDEX conflicts_by_subject ON conflicts (subject);

CREATE TABLE deliveries (
    id          BIGINT PRIMARY KEY DEFAULT next_number('deliveries', 'id'),
    register    TEXT COLLATE "C" NOT NULL,
    region      BIGINT NOT NULL,
    through     BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL REFERENCES batches
);

CREATE TABLE quarantine (
    id          BIGINT PRIMARY KEY DEFAULT next_number('quarantine', 'id'),
    recorded_at BIGINT NOT NULL REFERENCES batches,
    source      TEXT COLLATE "C",
    line        BIGINT NOT NULL,
    code        TEXT COLLATE "C",
    cells       TEXT COLLATE "C" NOT NULL,
    reasons     TEXT COLLATE "C" NOT NULL,
    digest      BYTEA NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX quarantine_by_digest ON quarantine (digest);

CREATE TABLE quarantine_events (
    id          BIGINT PRIMARY KEY DEFAULT next_number('quarantine_events', 'id'),
    entry       BIGINT NOT NULL REFERENCES quarantine,
    status      TEXT COLLATE "C" NOT NULL CHECK (status IN ('resubmitted', 'dismissed')),
    note        TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX quarantine_events_by_entry ON quarantine_events (entry);

CREATE TABLE evaluations (
    id              BIGINT PRIMARY KEY DEFAULT next_number('evaluations', 'id'),
    recorded_at     BIGINT NOT NULL,
    subject         BIGINT NOT NULL REFERENCES subjects,
    standard        TEXT COLLATE "C" NOT NULL,
    edition         TEXT COLLATE "C" NOT NULL,
    standard_digest BYTEA NOT NULL CHECK (length(standard_digest) = 32),
    as_of           BIGINT NOT NULL,
    known_at        BIGINT NOT NULL,
    facts_digest    BYTEA NOT NULL CHECK (length(facts_digest) = 32),
    outcome         TEXT COLLATE "C" NOT NULL,
    score           BIGINT,
    grade           TEXT COLLATE "C",
    horizon         BIGINT,
    body            BYTEA NOT NULL
);
CREATE INDEX evaluations_by_subject ON evaluations (subject, standard, as_of, known_at);

CREATE TABLE tiers (
    id                  BIGINT PRIMARY KEY DEFAULT next_number('tiers', 'id'),
    recorded_at         BIGINT NOT NULL,
    subject             BIGINT NOT NULL REFERENCES subjects,
    field               TEXT COLLATE "C" NOT NULL,
    policy              TEXT COLLATE "C" NOT NULL,
    edition             TEXT COLLATE "C" NOT NULL,
    policy_digest       BYTEA NOT NULL CHECK (length(policy_digest) = 32),
    as_of               BIGINT NOT NULL,
    known_at            BIGINT NOT NULL,
    tier                BIGINT,
    public_evaluation   BIGINT REFERENCES evaluations,
    industry_evaluation BIGINT REFERENCES evaluations,
    region              BIGINT,
    industry            TEXT COLLATE "C",
    body                BYTEA NOT NULL
);
CREATE INDEX tiers_by_subject ON tiers (subject, field, as_of, known_at);

CREATE TABLE current_tiers (
    subject  BIGINT NOT NULL REFERENCES subjects,
    field    TEXT COLLATE "C" NOT NULL,
    decision BIGINT NOT NULL REFERENCES tiers,
    tier     BIGINT,
    region   BIGINT,
    industry TEXT COLLATE "C",
    PRIMARY KEY (subject, field)
);
CREATE INDEX current_tiers_by_field ON current_tiers (field, tier, subject);

CREATE TABLE requests (
    request_id  TEXT COLLATE "C" PRIMARY KEY,
    method      TEXT COLLATE "C" NOT NULL,
    digest      BYTEA NOT NULL CHECK (length(digest) = 32),
    response    BYTEA NOT NULL,
    answered_at BIGINT NOT NULL
);

-- For people with psql: facts with codes and dates in words.
CREATE VIEW readable_facts AS
SELECT facts.seq,
       subjects.code AS subject,
       classes.code AS code,
       classes.attributes AS attributes,
       to_char(DATE '1970-01-01' + facts.occurred_on::INTEGER, 'YYYY-MM-DD') AS occurred_on,
       to_char(DATE '1970-01-01' + facts.ends_on::INTEGER, 'YYYY-MM-DD') AS ends_on,
       facts.number,
       facts.reference,
       to_char(to_timestamp(facts.recorded_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
           AS recorded_at_utc,
       facts.body
FROM facts
JOIN subjects ON subjects.id = facts.subject
JOIN classes ON classes.id = facts.class;
