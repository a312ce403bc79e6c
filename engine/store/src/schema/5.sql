-- Credit reports, kept as they were issued.

CREATE TABLE reports (
    id          INTEGER PRIMARY KEY,
    issued_at   INTEGER NOT NULL,
    -- What is printed on it: `HX20261031-0000000123`.
    number      TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL CHECK (kind IN ('public', 'evaluation', 'special')),
    subject     INTEGER NOT NULL REFERENCES subjects (id),
    as_of       INTEGER NOT NULL,
    -- Last day on which it is valid.
    valid_until INTEGER NOT NULL,
    -- The department it was issued for; empty when nobody is known.
    issued_for  TEXT NOT NULL,
    -- The most that it shows: whoever sees less may not read it.
    sight       TEXT NOT NULL CHECK (sight IN ('public', 'limited', 'not-public')),
    -- The fields it was asked for, separated by blanks; empty for all.
    fields      TEXT NOT NULL,
    -- SHA-256 of the verification code. The code itself stands in the body alone.
    code_digest BLOB NOT NULL CHECK (length(code_digest) = 32),
    -- SHA-256 of the body.
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    request_id  TEXT NOT NULL,
    -- The report, as the service encodes it.
    body        BLOB NOT NULL
) STRICT;
CREATE INDEX reports_by_subject ON reports (subject, id);
