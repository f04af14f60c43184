"""The database's tables."""

from typing import Final


VERSION: Final = 1
RUNS: Final = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL,          -- the watched folder; names of files are bytes
    path BLOB NOT NULL,          -- of the log, below it
    generation INTEGER NOT NULL, -- 1 for the first training written to the path
    reason TEXT NOT NULL,        -- why the generation began
    cursor TEXT,                 -- where reading stands, and how the file is known
    parser TEXT,                 -- what reading on needs
    format TEXT NOT NULL DEFAULT '',
    planned INTEGER,
    lines INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,   -- read, over all parts
    parts INTEGER NOT NULL DEFAULT 1,   -- files that the run was rotated over
    facts TEXT NOT NULL DEFAULT '{}',
    latest TEXT NOT NULL DEFAULT '{}',  -- last step and last value of each metric
    first_seen REAL NOT NULL,
    changed_at REAL,
    current INTEGER NOT NULL DEFAULT 1, -- 0 when a later generation took the path
    adopted INTEGER NOT NULL DEFAULT 0, -- 1 if it was over when it was found
    UNIQUE (root, path, generation)
);
-- Apart from what each commit rewrites: it is large, and changes seldom.
CREATE TABLE IF NOT EXISTS judgements (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    diagnosis TEXT,                     -- what was last found of it
    state TEXT NOT NULL DEFAULT '{}'    -- running, finished, ..., and what led to it
);
CREATE TABLE IF NOT EXISTS columns (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    level INTEGER NOT NULL,
    shape TEXT NOT NULL,
    names TEXT NOT NULL,
    records INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS columns_run ON columns (run, level, names);
CREATE TABLE IF NOT EXISTS milestones (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    line INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS milestones_run ON milestones (run);
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


OUTBOX: Final = """
CREATE TABLE IF NOT EXISTS alerts (
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, key)
);
CREATE TABLE IF NOT EXISTS silences (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,   -- a name or a pattern
    rule TEXT NOT NULL,
    until REAL NOT NULL  -- seconds since 1970
);
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    held INTEGER NOT NULL,  -- 1 while it waits to be told with others
    payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notices_at ON notices (at);
CREATE TABLE IF NOT EXISTS deliveries (
    notice INTEGER NOT NULL REFERENCES notices (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,    -- due, done, or failed for good
    tries INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (notice, channel)
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, next_at);
"""
