"""A run's directory in an export."""

from watcher.outputs.report.artifacts import file_name


def below(name: str) -> str:
    """A run's name as a path that stays below a directory."""
    parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
    return file_name("/".join(parts)) or "run"
