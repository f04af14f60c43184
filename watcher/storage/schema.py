"""The tables of a new database.  A change here needs a step in `migrations`."""

from typing import Final


SCHEMA: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL,          -- the watched folder; names of files are bytes
    path BLOB NOT NULL,          -- of the log, below it
    generation INTEGER NOT NULL, -- 1 for the first training written to the path
    reason TEXT NOT NULL,        -- why the generation began
    cursor TEXT,                 -- offset and identity of the file
    parser TEXT,                 -- state of the parser at the offset
    format TEXT NOT NULL DEFAULT '',
    planned INTEGER,
    lines INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,   -- read, over all parts
    parts INTEGER NOT NULL DEFAULT 1,   -- files that the run was rotated over
    hyperparameters TEXT NOT NULL DEFAULT '{}',
    latest TEXT NOT NULL DEFAULT '{}',  -- last step and last value of each metric
    first_seen REAL NOT NULL,
    changed_at REAL,
    current INTEGER NOT NULL DEFAULT 1, -- 0 when a later generation took the path
    adopted INTEGER NOT NULL DEFAULT 0, -- 1 if it had ended when it was found
    UNIQUE (root, path, generation)
);
-- Apart from what each commit rewrites: it is large, and changes seldom.
CREATE TABLE analyses (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    diagnosis TEXT,                     -- summary and findings of the last analysis
    state TEXT NOT NULL DEFAULT '{}'    -- running, finished, ..., and its evidence
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    level INTEGER NOT NULL,             -- how often it was merged, -1: large enough
    pattern TEXT NOT NULL,              -- the line pattern that read the records
    metrics TEXT NOT NULL,              -- their names, with commas between
    records INTEGER NOT NULL,
    data BLOB NOT NULL,
    appended BLOB -- the text that was read and its stat, until the run's row knows it
);
CREATE INDEX chunks_run ON chunks (run, level, metrics);
CREATE INDEX chunks_appended ON chunks (run) WHERE appended NOT NULL;
CREATE TABLE milestones (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    line INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX milestones_run ON milestones (run);
CREATE TABLE places (
    run INTEGER NOT NULL REFERENCES runs (id),
    line INTEGER NOT NULL,   -- whole lines before the place
    offset INTEGER NOT NULL, -- in the file
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    seen_at REAL,            -- when the file ended here; NULL where it went on
    head BLOB,               -- where a part of the run begins: first bytes of its file
    PRIMARY KEY (run, line)
) WITHOUT ROWID;
CREATE TABLE run_notes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,      -- note or tag
    text TEXT NOT NULL,
    written_at REAL NOT NULL -- seconds since 1970
);
CREATE INDEX run_notes_run ON run_notes (run);
-- What the daemon notes of itself.
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE alerts (
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, key)
);
CREATE TABLE silences (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,   -- a name or a pattern
    rule TEXT NOT NULL,
    until REAL NOT NULL  -- seconds since 1970
);
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    created_at REAL NOT NULL,
    deferred INTEGER NOT NULL,  -- 1: rate-limited, will be sent in a digest
    payload TEXT NOT NULL
);
CREATE INDEX notifications_created_at ON notifications (created_at);
CREATE TABLE deliveries (
    notification INTEGER NOT NULL REFERENCES notifications (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,        -- pending, delivered or failed (given up)
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (notification, channel)
);
CREATE INDEX deliveries_pending ON deliveries (state, next_attempt_at);
"""
