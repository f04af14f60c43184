"""The page: a read-only process of its own, which cannot slow or stop the daemon."""
