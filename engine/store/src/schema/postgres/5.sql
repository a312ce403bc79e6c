-- The table of `schema/5.sql` as PostgreSQL has it. Comments on what it holds stand there.

CREATE TABLE reports (
    id          BIGINT PRIMARY KEY DEFAULT next_number('reports', 'id'),
    issued_at   BIGINT NOT NULL,
    number      TEXT COLLATE "C" NOT NULL UNIQUE,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('public', 'evaluation', 'special')),
    subject     BIGINT NOT NULL REFERENCES subjects (id),
    as_of       BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    issued_for  TEXT COLLATE "C" NOT NULL,
    sight       TEXT COLLATE "C" NOT NULL CHECK (sight IN ('public', 'limited', 'not-public')),
    fields      TEXT COLLATE "C" NOT NULL,
    code_digest BYTEA NOT NULL CHECK (length(code_digest) = 32),
    digest      BYTEA NOT NULL CHECK (length(digest) = 32),
    request_id  TEXT COLLATE "C" NOT NULL,
    body        BYTEA NOT NULL
);
CREATE INDEX reports_by_subject ON reports (subject, id);
