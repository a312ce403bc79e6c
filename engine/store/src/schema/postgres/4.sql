-- The tables of `schema/4.sql` as PostgreSQL has them. Comments on what they hold stand there.

CREATE TABLE audit (
    id        BIGINT PRIMARY KEY DEFAULT next_number('audit', 'id'),
    at        BIGINT NOT NULL,
    method    TEXT COLLATE "C" NOT NULL,
    caller    TEXT COLLATE "C" NOT NULL,
    department TEXT COLLATE "C" NOT NULL,
    purpose   TEXT COLLATE "C" NOT NULL,
    basis     TEXT COLLATE "C" NOT NULL,
    subjects  TEXT COLLATE "C" NOT NULL,
    decision  TEXT COLLATE "C" NOT NULL CHECK (decision IN ('allowed', 'refused')),
    detail    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_caller ON audit (caller, at);

CREATE TABLE row_digests (
    id     BIGINT PRIMARY KEY DEFAULT next_number('row_digests', 'id'),
    kind   TEXT COLLATE "C" NOT NULL CHECK (kind IN ('load', 'changes', 'figures')),
    number BIGINT NOT NULL,
    rows   BIGINT NOT NULL,
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    UNIQUE (kind, number)
);

CREATE TABLE log_entries (
    position   BIGINT PRIMARY KEY,
    source     TEXT COLLATE "C" NOT NULL,
    source_row BIGINT NOT NULL,
    UNIQUE (source, source_row)
);

CREATE TABLE log_nodes (
    id   BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE log_heads (
    number BIGINT PRIMARY KEY,
    size   BIGINT NOT NULL UNIQUE,
    head   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE log_marks (
    source TEXT COLLATE "C" PRIMARY KEY,
    last   BIGINT NOT NULL
);
