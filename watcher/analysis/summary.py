"""The figures of a run: losses, typical times, costs, how it ended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parsers.batch import Floats, Milestone
from watcher.analysis.model import Analysis, Curve, Summary


_MS: Final = 1000.0
# The user's rule of thumb: a validation loss of more than twice the training loss.
_SUSPICIOUS_RATIO: Final = 2.0
# With fewer evaluations nothing can be said of where they turn.
_TELLING: Final = 4
# Kinds of milestones that end a run, and what they make of it.
ENDS: Final = {
    "finished": "finished",
    "error": "crashed",
    "out of memory": "out of memory",
    "killed": "killed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}
# Of several ends the one that explains the others.
_CAUSES: Final = ("out of memory", "interrupted", "cancelled", "killed", "error")
_EXIT_NOTE: Final = re.compile(r'^gptwatch: \{.*"event": "exit".*"code": (\d+)')


def summary(analysis: Analysis) -> Summary:
    """Every figure that the log tells; None for the others."""
    losses, val = _losses(analysis), _validation(analysis)
    times, ends = _times(analysis), _end(analysis)
    main = analysis.train or analysis.val
    planned = analysis.info.get("max_iters")
    return Summary(
        records=len(main) if main else 0,
        first_step=int(main.steps[0]) if main else None,
        last_step=_last_step(analysis),
        max_steps=planned if isinstance(planned, int) else None,
        nonfinite=_nonfinite(analysis),
        first_nonfinite_step=_first_nonfinite(analysis),
        **losses,
        **val,
        **times,
        **ends,
        **_checkpoints(analysis),
    )


def _last_step(analysis: Analysis) -> int | None:
    found = [c for c in (analysis.train, analysis.val) if c]
    if not found:
        return None
    return int(max(found, key=lambda c: int(c.lines[-1])).steps[-1])


def _losses(analysis: Analysis) -> dict[str, Any]:
    curve = analysis.train or analysis.curves.get("train_loss")
    values = _finite(curve)
    if not len(values):
        return {}
    first, last = float(values[0]), float(values[-1])
    return {
        "first_loss": first,
        "final_loss": last,
        "improvement": first / last if first > 0 and last > 0 else None,
        "best_loss": float(values.min()),
    }


def _finite(curve: Curve | None) -> Floats:
    if curve is None:
        return np.empty(0)
    return curve.values[np.isfinite(curve.values) & curve.current]


def _validation(analysis: Analysis) -> dict[str, Any]:
    val, beside = analysis.val, analysis.val_train
    if val is None or beside is None:
        return {}
    usable = np.flatnonzero(np.isfinite(val.values) & val.current)
    if not len(usable):
        return {"evaluations": len(val)}
    values = val.values[usable]
    best = int(values.argmin())
    last, low = float(values[-1]), float(values[best])
    train = float(beside[usable[-1]])
    known = analysis.comparable and np.isfinite(train)
    ratio = last / train if known and train > 0 else None
    return {
        "evaluations": len(usable),
        "first_val": float(values[0]),
        "final_val": last,
        "final_val_step": int(val.steps[usable[-1]]),
        "train_at_final_val": train if np.isfinite(train) else None,
        "best_val": low,
        "best_val_step": int(val.steps[usable[best]]),
        "evaluations_since_best": len(usable) - 1 - best,
        "rise": (last - low) / low if low > 0 else None,
        "ratio": ratio,
        "gap": last - train if known else None,
        "verdict": verdict(analysis, ratio, len(usable)),
    }


def verdict(analysis: Analysis, ratio: float | None, evaluations: int) -> str | None:
    """What the findings and the ratio say of overfitting; None: too few to say."""
    raised = [
        f
        for f in analysis.findings
        if f.rule == "overfitting" and f.cleared_step is None
    ]
    if any(f.confirmed_step is not None for f in raised):
        return "overfitting"
    suspicious = ratio is not None and ratio > _SUSPICIOUS_RATIO
    if raised or suspicious:
        return "possible"
    return "none" if evaluations >= _TELLING else None


@dataclass(frozen=True, slots=True)
class _Pace:
    typical: float
    mean: float
    pause: float | None


def _pace(analysis: Analysis) -> _Pace | None:
    time, pause = analysis.time, analysis.pause
    if time is None or pause is None:
        return None
    good = np.isfinite(time.values)
    typical = _typical(time.values[good & ~pause])
    if typical is None:
        return None
    # The first time of a process holds its compilation, not an evaluation.
    first = np.concatenate([[True], time.steps[1:] < time.steps[:-1]])
    paused = _typical(time.values[good & pause & ~first])
    cost = None if paused is None else paused - typical
    return _Pace(typical, float(time.values[good].mean()), cost)


def _typical(values: Floats) -> float | None:
    """The median of values that nobody else holds, None without any."""
    return float(np.median(values, overwrite_input=True)) if len(values) else None


def _times(analysis: Analysis) -> dict[str, Any]:
    pace = _pace(analysis)
    found: dict[str, Any] = {
        "eval_every": _eval_every(analysis.val),
        "tokens_per_step": _tokens_per_step(analysis),
        "mean_mfu": _mean(analysis.curves.get("mfu"), least=0.0),
        "typical_mfu": _median(analysis.mfu),
        "tokens_per_s": _median(analysis.curves.get("tokens_per_s")),
    }
    if analysis.elapsed_s is not None and len(analysis.elapsed_s):
        found["training_s"] = float(analysis.elapsed_s[-1])
    told = _finite(analysis.curves.get("eval_ms"))
    if len(told) and "training_s" in found:
        found["training_s"] += float(told.sum()) / _MS
    if pace is None:
        return found
    found |= {"typical_ms": pace.typical, "mean_ms": pace.mean}
    tokens = found["tokens_per_step"]
    if found["tokens_per_s"] is None and tokens:
        found["tokens_per_s"] = tokens / pace.typical * _MS
    pause_ms = 0.0
    every = found["eval_every"]
    # A log that times its evaluations keeps them out of its iterations.
    cost = float(np.median(told)) if len(told) else pace.pause
    if cost is not None and every:
        pause_ms = cost / every
        found["eval_ms"] = cost
        found["eval_share"] = pause_ms / (pace.typical + pause_ms)
    found["eta_s"] = _eta(analysis, pace.typical + pause_ms)
    return found


def _eta(analysis: Analysis, ms: float) -> float | None:
    planned, last = analysis.info.get("max_iters"), _last_step(analysis)
    if not isinstance(planned, int) or last is None or _end(analysis).get("outcome"):
        return None
    return max(0, planned - last) * ms / _MS


def _eval_every(val: Curve | None) -> int | None:
    if val is None:
        return None
    gaps = np.diff(val.steps)
    gaps = gaps[gaps > 0]
    return int(np.median(gaps)) if len(gaps) else None


def _tokens_per_step(analysis: Analysis) -> int | None:
    info = analysis.info
    stated = info.get("tokens_per_iter")
    if isinstance(stated, int):
        return stated
    batch, block = info.get("batch_size"), info.get("block_size")
    if not isinstance(batch, int) or not isinstance(block, int):
        return None
    if analysis.format not in {"nanogpt", "llama2c"}:
        return None  # elsewhere a batch may be one device's or all devices'
    accumulation = info.get("gradient_accumulation_steps", 1)
    return batch * block * (accumulation if isinstance(accumulation, int) else 1)


def _mean(curve: Curve | None, *, least: float) -> float | None:
    values = _finite(curve)
    values = values[values >= least]
    return float(values.mean()) if len(values) else None


def _median(curve: Curve | None) -> float | None:
    return _typical(_finite(curve))


def _nonfinite(analysis: Analysis) -> int:
    watched = (analysis.train, analysis.val)
    return sum(int((~np.isfinite(c.values)).sum()) for c in watched if c)


def _first_nonfinite(analysis: Analysis) -> int | None:
    found = []
    for curve in (analysis.train, analysis.val):
        bad = ~np.isfinite(curve.values) if curve else np.empty(0, bool)
        if curve and bad.any():
            at = int(bad.argmax())
            found.append((int(curve.lines[at]), int(curve.steps[at])))
    return min(found)[1] if found else None


def _checkpoints(analysis: Analysis) -> dict[str, Any]:
    saved = [m for m in analysis.milestones if m.kind == "checkpoint"]
    last = saved[-1].step if saved else None
    return {"checkpoints": len(saved), "last_checkpoint_step": last}


def _end(analysis: Analysis) -> dict[str, Any]:
    """How the run ended, from what stands behind its last record."""
    curves = [c for c in (analysis.train, analysis.val) if c]
    last = max((int(c.lines[-1]) for c in curves), default=0)
    after = [m for m in analysis.milestones if m.line >= last and m.kind in ENDS]
    why = cause(after)
    if why:
        return {"outcome": ENDS[why.kind], "outcome_text": quoted(why.text)}
    planned, step = analysis.info.get("max_iters"), _last_step(analysis)
    if isinstance(planned, int) and step is not None and step >= planned:
        return {"outcome": "finished", "outcome_text": None}
    return {}


def quoted(text: str) -> str:
    """The line that tells the end; of a note by `gptwatch run`, its exit code."""
    code = _EXIT_NOTE.search(text)
    return f"exit code {code[1]}" if code else text


def cause(after: Sequence[Milestone]) -> Milestone | None:
    """Of what a log says of one end, what explains the others; None of nothing."""
    for kind in _CAUSES:
        found = [m for m in after if m.kind == kind]
        if found:
            # Of many processes the first error is the cause; in one, the last line.
            return found[0]
    return next((m for m in after if m.kind == "finished"), None)
