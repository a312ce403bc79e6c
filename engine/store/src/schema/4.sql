-- What makes it impossible to change history unseen: a log with an entry for every row of history, and who asked for what.

-- Every call that read or changed what is known about enterprises, or was refused.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    -- The method, as `SupervisionService.GetTier`.
    method    TEXT NOT NULL,
    -- Who called: the name in the certificate or token; `unknown` for who was not believed.
    caller    TEXT NOT NULL,
    -- The department the caller acts for; empty when none is known.
    department TEXT NOT NULL,
    purpose   TEXT NOT NULL,
    basis     TEXT NOT NULL,
    -- Whom it is about: a code, several separated by blanks, or empty for a list.
    subjects  TEXT NOT NULL,
    decision  TEXT NOT NULL CHECK (decision IN ('allowed', 'refused')),
    -- By which rules, or why not.
    detail    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_caller ON audit (caller, at);

-- SHA-256 over rows that have no entries of their own: the tiers of a load and what it changed, in the order of their
-- subjects, taken when it was published, and the figures of a study.
CREATE TABLE row_digests (
    id     INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL CHECK (kind IN ('load', 'changes', 'figures')),
    -- The load, or the study.
    number INTEGER NOT NULL,
    rows   INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    UNIQUE (kind, number)
) STRICT;

-- Entry `position` of the log says what one row of history says. What it says is not kept twice: it is made from the row
-- again whenever it is needed.
CREATE TABLE log_entries (
    position   INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    source_row INTEGER NOT NULL,
    UNIQUE (source, source_row)
) STRICT;

-- The Merkle tree over the entries, numbered as in RFC 9420, appendix C: entry n is node 2n.
CREATE TABLE log_nodes (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Signed tree heads, one for every commit that added entries, numbered without a gap.
CREATE TABLE log_heads (
    number INTEGER PRIMARY KEY,
    size   INTEGER NOT NULL UNIQUE,
    head   TEXT NOT NULL
) STRICT;

-- Projection: how far the rows of each table are in the log. A check of the whole log does not trust it.
CREATE TABLE log_marks (
    source TEXT PRIMARY KEY,
    last   INTEGER NOT NULL
) STRICT;
