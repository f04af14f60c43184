"""A rule that follows a log says what it says of the whole, however the log is cut."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from analyses import curve, nothing
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.batch import Milestone
from parsers.format import Format
from parsers.formats import FORMATS
from watcher.analysis import rules
from watcher.analysis.course import Course
from watcher.analysis.distribution import Distribution
from watcher.analysis.model import Analysis, Curve
from watcher.analysis.pieces import Log, Records
from watcher.analysis.segments import current, segments


KINDS = ["checkpoint", "skipped", "error", "resumed", "start", "killed", "finished"]


def wild(seed: int) -> Analysis:
    """A run with all that may happen: restarts, NaN, jumps, spikes, slow stretches."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([3, 30, 300, 3000]))
    every = int(rng.choice([1, 3, 10, 50]))
    steps = np.arange(n)
    for _ in range(rng.integers(0, 4)):
        again = int(rng.integers(1, n))
        steps[again:] -= int(rng.integers(0, again + 1))
    line = np.cumsum(rng.integers(1, 4, n))
    loss = losses(rng, n)
    at = np.arange(0, n, every)
    turned = np.clip(np.arange(len(at)) - len(at) // 3, 0, 40)
    val = 1.1 * np.exp(rng.choice([0, 0.03]) * turned) * loss[at]
    val *= np.exp(rng.normal(0, 0.005, len(at)))
    curves = {
        "loss": curve("loss", steps, loss, line),
        "iter_ms": curve("iter_ms", steps, times(rng, n, at), line),
        "grad_norm": curve("grad_norm", steps, norms(rng, n), line),
        "lr": curve("lr", steps, np.where(rng.random() < 0.5, 0, loss), line),
        "val_loss": curve("val_loss", steps[at], val, line[at]),
        "val_accuracy": curve("val_accuracy", steps[at], val.round(1), line[at]),
    }
    if rng.random() < 0.3:
        del curves["loss"]
    return assembled(curves, milestones(rng, line), loss[at], rng)


def losses(rng: np.random.Generator, n: int) -> Any:
    """Training losses that fall, and then anything."""
    late = np.arange(n) / rng.choice([200, n / 2])
    loss = (1 + 3 * np.exp(-late)) * np.exp(rng.normal(0, 0.02, n))
    for _ in range(rng.integers(0, 5)):
        at, length = int(rng.integers(0, n)), int(rng.choice([1, 2, 5, 30, 400]))
        with np.errstate(invalid="ignore"):
            loss[at : at + length] *= rng.choice([1.05, 1.5, 3, np.nan, np.inf, 0, 10])
    if rng.random() < 0.1:
        loss[:] = np.log(65)
    return loss.round(int(rng.choice([2, 4])))


def times(rng: np.random.Generator, n: int, evaluations: Any) -> Any:
    """Times of iterations with pauses and slow stretches."""
    ms = 100 * rng.gamma(400, 1 / 400, n)
    ms[evaluations] += rng.choice([5, 500])
    ms[: 1 + n // 1000] *= 100
    for _ in range(rng.integers(0, 4)):
        at, length = int(rng.integers(0, n)), int(rng.choice([5, 40, 400]))
        ms[at : at + length] *= rng.choice([1.3, 2, 5, np.nan])
    return ms.round(2)


def norms(rng: np.random.Generator, n: int) -> Any:
    """Gradient norms with spikes."""
    norm = rng.gamma(4, 0.2, n)
    norm[rng.random(n) < 0.003] *= 1e5
    at = int(rng.integers(0, n))
    norm[at : at + int(rng.choice([0, 4, 20]))] = np.nan
    return norm


def milestones(rng: np.random.Generator, lines: Any) -> tuple[Milestone, ...]:
    """Lines that matter: single ones, and rows of them."""
    found: list[Milestone] = []
    for _ in range(rng.integers(0, 12)):
        kind, at = str(rng.choice(KINDS)), int(rng.integers(0, lines[-1] + 2))
        count = int(rng.choice([1, 1, 12]))
        found += [
            Milestone(kind, at + i, None, f"{kind} to {i}.pt") for i in range(count)
        ]
    return tuple(sorted(found, key=lambda m: m.line))


def assembled(
    curves: dict[str, Curve],
    marks: tuple[Milestone, ...],
    beside: Any,
    rng: np.random.Generator,
) -> Analysis:
    """The run of some curves, with its segments."""
    main = curves.get("loss") or curves["val_loss"]
    parts = segments(main.lines, main.steps, marks, curves["val_loss"])
    curves = {
        name: replace(c, current=current(c.lines, c.steps, parts))
        for name, c in curves.items()
    }
    return nothing(
        info={"max_iters": int(len(main) * rng.choice([1, 2]))},
        train=curves.get("loss"),
        val=curves["val_loss"],
        val_train=beside,
        comparable=True,
        time=curves["iter_ms"],
        curves=curves,
        segments=parts,
        milestones=marks,
        lines=max(int(c.lines[-1]) for c in curves.values()) + 30,
    )


def pieces(run: Analysis, cuts: Sequence[int]) -> Iterator[Analysis]:
    """The run cut before some lines."""
    whole = [0, *sorted(cuts), run.lines + 1]
    for first, end in pairwise(whole):
        parts = {name: _part(c, first, end) for name, c in run.curves.items()}
        inside = (run.curves["val_loss"].lines >= first) & (
            run.curves["val_loss"].lines < end
        )
        assert run.val_train is not None
        yield replace(
            run,
            curves=parts,
            train=parts.get("loss"),
            val=parts["val_loss"],
            val_train=run.val_train[inside],
            time=parts["iter_ms"],
            milestones=tuple(m for m in run.milestones if first <= m.line < end),
            lines=end - 1,
        )


def _part(whole: Curve, first: int, end: int) -> Curve:
    where = slice(*np.searchsorted(whole.lines, [first, end]).tolist())
    return replace(
        whole,
        steps=whole.steps[where],
        values=whole.values[where],
        lines=whole.lines[where],
        current=whole.current[where],
    )


@pytest.mark.parametrize("rule", list(rules.STATES))
@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 1 << 20), cuts=st.lists(st.floats(0, 1), max_size=12))
def test_a_rule_finds_the_same_however_the_log_is_cut(
    rule: str, seed: int, cuts: list[float]
) -> None:
    """The state after the last piece is that of one piece."""
    run = wild(seed)
    whole = rules.RULES[rule](run, rules.Settings())

    state = rules.STATES[rule](rules.Settings())
    for piece in pieces(run, [int(run.lines * cut) for cut in cuts]):
        state.update(piece)
        state.findings(piece)

    assert whole == state.findings(run)


def records(run: Analysis, first: int = 0, end: int | None = None) -> Records:
    """The records of a run between two lines."""
    last = run.lines + 1 if end is None else end
    parts = {name: _part(c, first, last) for name, c in run.curves.items()}
    return Records(
        {name: (c.lines, c.steps, c.values) for name, c in parts.items()},
        [m for m in run.milestones if first <= m.line < last],
        last - 1,
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    cuts=st.lists(st.floats(0, 1), max_size=8),
    form=st.sampled_from([None, *FORMATS[:2]]),
    restarts=st.booleans(),
)
def test_a_run_is_judged_the_same_however_it_is_followed(
    seed: int, cuts: list[float], form: Format | None, *, restarts: bool
) -> None:
    """With restarts, which supersede what came before, and metrics that come late."""
    run = wild(seed)
    log = Log("run", "run.log", form, run.info)
    whole = Course()
    whole.update(log, records(run), lambda: [records(run)])

    course, first = Course(), 0
    for cut in [*sorted(int(run.lines * cut) for cut in cuts), run.lines]:
        before = records(run, 0, cut + 1)
        new = records(run, first, cut + 1)
        known = {n: c for n, c in new.columns.items() if len(before.columns[n][0])}
        new = replace(new, columns=known)
        if restarts:
            course = pickle.loads(pickle.dumps(course))
        course.update(log, new, lambda b=before, k=known: _rows(b, k))  # type: ignore[misc]
        course.judged()
        first = cut + 1

    assert whole.segments == course.segments
    assert whole.judged() == course.judged()


def _rows(before: Records, known: Any) -> Iterator[Records]:
    """All records so far in two pieces, of the metrics that the run has by then."""
    columns = {name: before.columns[name] for name in known}
    yield from replace(before, columns=columns).parts()


@given(parts=st.lists(st.lists(st.integers(-9999, 9999)), max_size=9))
def test_a_distribution_does_not_depend_on_how_values_came(
    parts: list[list[int]],
) -> None:
    """Its median is that of all values, as long as few are distinct."""
    values = np.array([v for part in parts for v in part]) / 100
    found = Distribution()
    for part in parts:
        found.add(np.array(part) / 100)

    assert (float(np.median(values)) if len(values) else None) == found.median()


@pytest.mark.parametrize("seed", range(3))
def test_a_distribution_of_many_values_is_rounded_alike(seed: int) -> None:
    """However they came, and by less than a thousandth."""
    values = np.random.default_rng(seed).normal(100, 5, 30_000)
    one, many = Distribution(), Distribution()
    one.add(values)
    for part in np.split(values[::-1], 30):
        many.add(part)

    assert one.median() == many.median()
    assert np.median(values) == pytest.approx(one.median(), rel=1e-3)
