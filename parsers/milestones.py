"""Lines that matter and hold no metric: a checkpoint, a traceback, the end."""


def milestone(line: bytes) -> str | None:
    """The kind of milestone that a line is (see `parsers.batch.Milestone`)."""
    if b"Traceback (most recent call last)" in line:
        return "traceback"
    if b"saving checkpoint" in line:
        return "checkpoint"
    return None
