"""Lines that are hard for a regex, made from the regex itself.

An example of what it matches is cut at every place; what stands between two of its
pieces is repeated many times, and then the example goes on, or something that cannot
match: it makes a backtracking engine try all that it can.
"""

import re
from collections.abc import Iterator
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final


# Runs that logs hold: digits, blanks, words, brackets, quotes, bars, escapes, records.
RUNS: Final = (
    *(b"1", b"1.", b"1,", b"1 ", b"1: ", b"1|", b"1e", b"[1", b"a", b"A", b"a ", b" a"),
    *(
        b"a.",
        b"a/",
        b"a(",
        b"_",
        b" ",
        b"\t",
        b".",
        b"-",
        b"- ",
        b"/",
        b":",
        b",",
        b"=",
    ),
    *(b", ", b"| ", b"%|", b"[", b"] ", b"[a] ", b"(", b")", b"{", b'"', b"'", b"'a' "),
    *(b"\xe9", b"\xe6\x8d\x9f", b"^[[A", b"0f", b"a=1 ", b"a: 1, ", b'"a": 1, '),
    *(b"loss ", b"loss: 1 ", b"step 1 "),
)
_KILLER: Final = b"\x01"
_CANDIDATES: Final = b"1 a.-_/:,=|[]()\"'%x\tA#{}<>*&~@!;e\xe4"
_REPEATED: Final = 8  # what may be repeated so often is worth a run of its own
_MOST_REPEATED: Final = 32
_LONGEST_RUN: Final = 160

Text = tuple[bytes, bytes, bytes]


def texts(pattern: bytes | str, flags: int, variants: int) -> list[Text]:
    """What stands before the run, the run, and what stands after it."""
    tree = _parser.parse(pattern, flags)
    found: dict[Text, None] = {}
    for variant in range(variants):
        pieces: list[bytes] = []
        runs = dict.fromkeys(RUNS)
        _example(tree, variant, pieces, runs)
        runs |= dict.fromkeys(_own_runs(pieces))
        for at in range(len(pieces) + 1):
            before, after = b"".join(pieces[:at]), b"".join(pieces[at:])
            for run in filter(None, runs):
                found[before, run, after] = found[before, run, _KILLER] = None
    return list(found)


def _own_runs(pieces: list[bytes]) -> Iterator[bytes]:
    """Its words, its first parts and all of it, over and over."""
    whole = b"".join(pieces)
    for part in (*pieces, whole, *(whole[: len(whole) * k // 3] for k in (1, 2))):
        if 2 < len(part) <= _LONGEST_RUN:
            yield part
            yield part + b" "


def _example(
    tree: Any, variant: int, pieces: list[bytes], runs: dict[bytes, None]
) -> None:
    """Appends the pieces of one text that the tree matches."""
    for op, argument in tree:
        if op is ops.LITERAL:
            _literal(bytes([argument & 255]), pieces)
        elif op is ops.NOT_LITERAL:
            pieces.append(bytes([next(c for c in _CANDIDATES if c != argument)]))
        elif op is ops.ANY:
            pieces.append(b"x")
        elif op is ops.IN:
            pieces.append(_member(argument, variant))
        elif op is ops.BRANCH:
            branches = argument[1]
            _example(branches[variant % len(branches)], variant, pieces, runs)
        elif op is ops.SUBPATTERN:
            _example(argument[3], variant, pieces, runs)
        elif op is ops.ATOMIC_GROUP:
            _example(argument, variant, pieces, runs)
        elif op in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}:
            _repeat(argument, variant, pieces, runs)


def _literal(char: bytes, pieces: list[bytes]) -> None:
    """Letters and digits in a row are one piece."""
    if pieces and char.isalnum() and pieces[-1].isalnum():
        pieces[-1] += char
    else:
        pieces.append(char)


def _repeat(
    argument: Any, variant: int, pieces: list[bytes], runs: dict[bytes, None]
) -> None:
    least, most, body = argument
    if most > _REPEATED:
        for other in (variant, variant + 1):
            inner: list[bytes] = []
            _example(body, other, inner, runs)
            runs[b"".join(inner)] = None
    if least or not variant % 2:
        for _ in range(min(max(1, least), _MOST_REPEATED)):
            _example(body, variant, pieces, runs)


def _member(members: Any, variant: int) -> bytes:
    """A character of a class."""
    inside = [c for c in _CANDIDATES if _is_in(c, members)]
    return bytes([inside[variant % min(2, len(inside))]]) if inside else b"?"


def _is_in(char: int, members: Any) -> bool:
    negated = members[0][0] is ops.NEGATE
    return negated != any(_fits(char, op, argument) for op, argument in members)


def _fits(char: int, op: Any, argument: Any) -> bool:
    if op is ops.LITERAL:
        return bool(char == argument)
    if op is ops.RANGE:
        return bool(argument[0] <= char <= argument[1])
    if op is not ops.CATEGORY:
        return False
    kind = str(argument).removeprefix("CATEGORY_")
    classes = {"DIGIT": rb"\d", "SPACE": rb"\s", "WORD": rb"\w"}
    found = re.match(classes[kind.removeprefix("NOT_")], bytes([char]))
    return bool(found) != kind.startswith("NOT_")
