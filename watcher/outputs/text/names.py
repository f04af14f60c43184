"""Names of runs, shortened so that they stay apart."""

from collections.abc import Iterator, Sequence
from typing import Final

from watcher.outputs.text.cells import cell_len, set_cell_size


_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"


def shortened(names: Sequence[str], room: int) -> Iterator[str]:
    """Names that fit: what all of them share goes first, then the middle."""
    names = _without_ending(names, room)
    head = _shared(names)
    ends = [name[head:][::-1] for name in names]
    tail = _shared(ends)
    spare = max(map(cell_len, names)) - room
    # What names share is cut from its own middle; below three letters it saves nothing.
    first = max(0, min(head - 2, spare + 1))
    rest = spare - max(0, first - 1)
    last = max(0, min(tail - 2, rest + 1)) if rest > 0 else 0
    for name in names:
        text = name
        if last > 1:
            text = text[:-tail] + _ELLIPSIS + text[len(text) - tail + last :]
        if first > 1:
            text = text[: head - first] + _ELLIPSIS + text[head:]
        yield _cut(text, room)


def apart(names: Sequence[str], room: int) -> bool:
    """Whether names that differ still do when they are shortened."""
    return len(set(shortened(names, room))) == len(set(names))


def _without_ending(names: Sequence[str], room: int) -> Sequence[str]:
    """Names without the ending that all have, such as `.log`, if one is too long."""
    endings = {name[name.rfind(".") :] for name in names if "." in name}
    if len(endings) != 1 or max(map(cell_len, names)) <= room:
        return names
    [ending] = endings
    is_shared = all(name.endswith(ending) and name != ending for name in names)
    return [name.removesuffix(ending) for name in names] if is_shared else names


def _shared(names: Sequence[str]) -> int:
    """How many letters all names begin with; none where there is one name."""
    if len(set(names)) == 1:
        return 0
    first, last = min(names), max(names)
    pairs = zip(first, last, strict=False)
    return next(
        (i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last))
    )


def _cut(text: str, room: int) -> str:
    """Leave out the middle of a text that is too long."""
    if cell_len(text) <= room:
        return text
    head, tail = (room - 1) // 2, room - 1 - (room - 1) // 2
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return f"{set_cell_size(text, head).rstrip()}{_ELLIPSIS}{end}"
