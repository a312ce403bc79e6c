-- Dates are days since 1970-01-01, moments microseconds since 1970-01-01T00:00:00Z, money fen. An absent end is NULL.

-- Properties of the whole file, such as the id of the key that protects identity numbers.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- One row for every write that changes what is known. Its moment is the moment all its rows were recorded at.
CREATE TABLE batches (
    recorded_at INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('facts', 'deliveries')),
    actor       TEXT NOT NULL,
    vocabulary  TEXT NOT NULL
) STRICT;

-- What became of the rows of a batch of facts.
CREATE TABLE ingests (
    recorded_at INTEGER PRIMARY KEY REFERENCES batches,
    file_name   TEXT,
    file_sha256 BLOB CHECK (length(file_sha256) = 32),
    layout      TEXT,
    vocabulary  TEXT NOT NULL,
    accepted    INTEGER NOT NULL,
    duplicate   INTEGER NOT NULL,
    corrected   INTEGER NOT NULL,
    quarantined INTEGER NOT NULL
) STRICT;
CREATE INDEX ingests_by_file ON ingests (file_sha256) WHERE file_sha256 IS NOT NULL;

CREATE TABLE subjects (
    id          INTEGER PRIMARY KEY,
    code        TEXT NOT NULL UNIQUE,
    recorded_at INTEGER NOT NULL REFERENCES batches
) STRICT;

-- Distinct combinations of code and enumerated attributes, by the ids of the vocabulary.
CREATE TABLE classes (
    id         INTEGER PRIMARY KEY,
    code       TEXT NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (code, attributes)
) STRICT;

CREATE TABLE facts (
    seq             INTEGER PRIMARY KEY,
    subject         INTEGER NOT NULL REFERENCES subjects,
    -- First 16 bytes of SHA-256 over code and natural key: equal for all versions of one record.
    key             BLOB NOT NULL CHECK (length(key) = 16),
    class           INTEGER NOT NULL REFERENCES classes,
    occurred_on     INTEGER NOT NULL,
    ends_on         INTEGER,
    publicity_until INTEGER,
    number          INTEGER,
    recorded_at     INTEGER NOT NULL REFERENCES batches,
    -- Of a mark: the key of the record it speaks of.
    target          BLOB CHECK (length(target) = 16),
    reference       TEXT,
    -- SHA-256 over everything else this row says, and its registration or relation.
    content         BLOB NOT NULL CHECK (length(content) = 32),
    line            INTEGER NOT NULL,
    body            TEXT NOT NULL
) STRICT;
-- Serves both the reading of one subject and the search for earlier versions. The rowid that ends every entry puts
-- the versions of one record in the order they were recorded.
CREATE INDEX facts_by_subject ON facts (subject, key);

CREATE TABLE registrations (
    seq            INTEGER PRIMARY KEY REFERENCES facts,
    established_on INTEGER,
    region         INTEGER,
    industry       TEXT,
    capital        INTEGER
) STRICT;

CREATE TABLE relations (
    seq             INTEGER PRIMARY KEY REFERENCES facts,
    subject         INTEGER NOT NULL REFERENCES subjects,
    kind            TEXT NOT NULL,
    related_subject TEXT,
    person          TEXT,
    CHECK ((related_subject IS NULL) <> (person IS NULL))
) STRICT;
CREATE INDEX relations_by_person ON relations (person, kind) WHERE person IS NOT NULL;

-- Who a code was said to belong to. A name alone comes from any fact; the other columns from registrations.
CREATE TABLE identities (
    id             INTEGER PRIMARY KEY,
    subject        INTEGER NOT NULL REFERENCES subjects,
    normalised     TEXT NOT NULL,
    name           TEXT NOT NULL,
    region         INTEGER,
    legal_form     TEXT,
    established_on INTEGER,
    registered     INTEGER NOT NULL CHECK (registered IN (0, 1)),
    recorded_at    INTEGER NOT NULL REFERENCES batches
) STRICT;
CREATE INDEX identities_by_subject ON identities (subject);
CREATE INDEX identities_by_name ON identities (normalised);

CREATE TABLE conflicts (
    id            INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('one-code-two-subjects', 'one-subject-two-codes')),
    subject       INTEGER NOT NULL REFERENCES subjects,
    other_subject INTEGER REFERENCES subjects,
    detail        TEXT NOT NULL,
    recorded_at   INTEGER NOT NULL REFERENCES batches
) STRICT;
CREATE INDEX conflicts_by_subject ON conflicts (subject);

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    register    TEXT NOT NULL,
    region      INTEGER NOT NULL,
    through     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL REFERENCES batches
) STRICT;

CREATE TABLE quarantine (
    id          INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL REFERENCES batches,
    source      TEXT,
    line        INTEGER NOT NULL,
    code        TEXT,
    cells       TEXT NOT NULL,
    reasons     TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX quarantine_by_digest ON quarantine (digest);

-- An entry is open until an event says otherwise.
CREATE TABLE quarantine_events (
    id          INTEGER PRIMARY KEY,
    entry       INTEGER NOT NULL REFERENCES quarantine,
    status      TEXT NOT NULL CHECK (status IN ('resubmitted', 'dismissed')),
    note        TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_events_by_entry ON quarantine_events (entry);

CREATE TABLE evaluations (
    id              INTEGER PRIMARY KEY,
    recorded_at     INTEGER NOT NULL,
    subject         INTEGER NOT NULL REFERENCES subjects,
    standard        TEXT NOT NULL,
    edition         TEXT NOT NULL,
    standard_digest BLOB NOT NULL CHECK (length(standard_digest) = 32),
    as_of           INTEGER NOT NULL,
    known_at        INTEGER NOT NULL,
    facts_digest    BLOB NOT NULL CHECK (length(facts_digest) = 32),
    outcome         TEXT NOT NULL,
    score           INTEGER,
    grade           TEXT,
    horizon         INTEGER,
    body            BLOB NOT NULL
) STRICT;
CREATE INDEX evaluations_by_subject ON evaluations (subject, standard, as_of, known_at);

CREATE TABLE tiers (
    id                  INTEGER PRIMARY KEY,
    recorded_at         INTEGER NOT NULL,
    subject             INTEGER NOT NULL REFERENCES subjects,
    field               TEXT NOT NULL,
    policy              TEXT NOT NULL,
    edition             TEXT NOT NULL,
    policy_digest       BLOB NOT NULL CHECK (length(policy_digest) = 32),
    as_of               INTEGER NOT NULL,
    known_at            INTEGER NOT NULL,
    tier                INTEGER,
    public_evaluation   INTEGER REFERENCES evaluations,
    industry_evaluation INTEGER REFERENCES evaluations,
    region              INTEGER,
    industry            TEXT,
    body                BLOB NOT NULL
) STRICT;
CREATE INDEX tiers_by_subject ON tiers (subject, field, as_of, known_at);

-- Projection: the last tier decided for each subject and field.
CREATE TABLE current_tiers (
    subject  INTEGER NOT NULL REFERENCES subjects,
    field    TEXT NOT NULL,
    decision INTEGER NOT NULL REFERENCES tiers,
    tier     INTEGER,
    region   INTEGER,
    industry TEXT,
    PRIMARY KEY (subject, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX current_tiers_by_field ON current_tiers (field, tier, subject);

-- Answers to write requests, so that a repeated request has one effect. May be pruned by age.
CREATE TABLE requests (
    request_id  TEXT PRIMARY KEY,
    method      TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    response    BLOB NOT NULL,
    answered_at INTEGER NOT NULL
) STRICT;

-- For people with the sqlite3 command: facts with codes and dates in words.
CREATE VIEW readable_facts AS
SELECT facts.seq,
       subjects.code AS subject,
       classes.code AS code,
       classes.attributes AS attributes,
       date(facts.occurred_on * 86400, 'unixepoch') AS occurred_on,
       date(facts.ends_on * 86400, 'unixepoch') AS ends_on,
       facts.number,
       facts.reference,
       datetime(facts.recorded_at / 1000000, 'unixepoch') AS recorded_at_utc,
       facts.body
FROM facts
JOIN subjects ON subjects.id = facts.subject
JOIN classes ON classes.id = facts.class;
