-- The tables of `schema/6.sql` as PostgreSQL has them. Comments on what they hold stand there.

CREATE TABLE exports (
    id         BIGINT PRIMARY KEY DEFAULT next_number('exports', 'id'),
    begun_at   BIGINT NOT NULL,
    number     TEXT COLLATE "C" NOT NULL UNIQUE,
    caller     TEXT COLLATE "C" NOT NULL,
    department TEXT COLLATE "C" NOT NULL,
    purpose    TEXT COLLATE "C" NOT NULL,
    basis      TEXT COLLATE "C" NOT NULL,
    what       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX exports_by_caller ON exports (caller, begun_at);

CREATE TABLE export_ends (
    id       BIGINT PRIMARY KEY DEFAULT next_number('export_ends', 'id'),
    export   BIGINT NOT NULL UNIQUE REFERENCES exports (id),
    ended_at BIGINT NOT NULL,
    rows     BIGINT NOT NULL CHECK (rows >= 0),
    ending   TEXT COLLATE "C" NOT NULL CHECK (ending IN ('complete', 'cut-off', 'cancelled')),
    detail   TEXT COLLATE "C" NOT NULL
);
