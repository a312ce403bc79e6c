-- Bulk exports: to whom rows went out, and how each ended.

CREATE TABLE exports (
    id         INTEGER PRIMARY KEY,
    begun_at   INTEGER NOT NULL,
    -- What stands in every mark of it: `HE20261128-7K3M9QPA2T`.
    number     TEXT NOT NULL UNIQUE,
    caller     TEXT NOT NULL,
    -- The department the caller acts for; empty when nobody is known.
    department TEXT NOT NULL,
    purpose    TEXT NOT NULL,
    basis      TEXT NOT NULL,
    -- What was asked for, and where it was read from.
    what       TEXT NOT NULL
) STRICT;
CREATE INDEX exports_by_caller ON exports (caller, begun_at);

CREATE TABLE export_ends (
    id       INTEGER PRIMARY KEY,
    export   INTEGER NOT NULL UNIQUE REFERENCES exports (id),
    ended_at INTEGER NOT NULL,
    -- Rows that were handed to the connection.
    rows     INTEGER NOT NULL CHECK (rows >= 0),
    ending   TEXT NOT NULL CHECK (ending IN ('complete', 'cut-off', 'cancelled')),
    -- Why it was cut off; else empty.
    detail   TEXT NOT NULL
) STRICT;
