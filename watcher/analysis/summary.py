"""The figures of a run: losses, typical times, costs, how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured, Summary
from watcher.analysis.outcome import last_step, outcome
from watcher.analysis.segments import restarts


_MS: Final = 1000.0
# The user's rule of thumb: a validation loss of more than twice the training loss.
_SUSPICIOUS_RATIO: Final = 2.0
# Fewer evaluations do not show a minimum.
_MIN_EVALUATIONS: Final = 4


def summary(run: Measured, findings: Sequence[Finding]) -> Summary:
    """Every figure that the log states, None for the others, and the verdict."""
    main, end = run.train or run.val, outcome(run)
    planned = run.info.get("max_iters")
    losses, val = _losses(run), _validation(run)
    return Summary(
        records=len(main) if main else 0,
        first_step=int(main.steps[0]) if main else None,
        last_step=last_step(run),
        max_steps=planned if isinstance(planned, int) else None,
        nonfinite=_nonfinite(run),
        first_nonfinite_step=_first_nonfinite(run),
        verdict=_verdict(findings, val),
        outcome=end.name,
        outcome_text=end.text,
        **losses,
        **val,
        **_times(run),
        **_checkpoints(run),
    )


def _losses(run: Measured) -> dict[str, Any]:
    curve = run.train or run.curves.get("train_loss")
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


def _validation(run: Measured) -> dict[str, Any]:
    val, beside = run.val, run.val_train
    if val is None or beside is None:
        return {}
    usable = np.flatnonzero(np.isfinite(val.values) & val.current)
    if not len(usable):
        return {"evaluations": len(val)}
    values = val.values[usable]
    best = int(values.argmin())
    last, low = float(values[-1]), float(values[best])
    train = float(beside[usable[-1]])
    known = run.comparable and np.isfinite(train)
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
    }


def _verdict(findings: Sequence[Finding], val: dict[str, Any]) -> str | None:
    """The verdict on overfitting from findings and ratio; None: too few evaluations."""
    if "final_val" not in val:
        return None
    firing = [f for f in findings if f.rule == "overfitting" and f.cleared_step is None]
    if any(f.confirmed_step is not None for f in firing):
        return "overfitting"
    ratio = val["ratio"]
    if firing or (ratio is not None and ratio > _SUSPICIOUS_RATIO):
        return "possible"
    return "none" if val["evaluations"] >= _MIN_EVALUATIONS else None


@dataclass(frozen=True, slots=True)
class _Pace:
    typical: float
    mean: float
    pause: float | None


def _pace(run: Measured) -> _Pace | None:
    time, pause = run.time, run.pause
    if time is None or pause is None:
        return None
    good = np.isfinite(time.values)
    typical = _typical(time.values[good & ~pause])
    if typical is None:
        return None
    # The first time of a process holds its compilation, not an evaluation.
    evaluated = good & pause
    evaluated[[0, *restarts(time.lines, run.segments).tolist()]] = False
    paused = _typical(time.values[evaluated])
    cost = None if paused is None else paused - typical
    return _Pace(typical, float(time.values[good].mean()), cost)


def _typical(values: Floats) -> float | None:
    """The median (reorders the values), None without any."""
    return float(np.median(values, overwrite_input=True)) if len(values) else None


def _times(run: Measured) -> dict[str, Any]:
    pace = _pace(run)
    found: dict[str, Any] = {
        "eval_every": _eval_every(run.val),
        "tokens_per_step": _tokens_per_step(run),
        "mean_mfu": _mean(run.curves.get("mfu"), least=0.0),
        "typical_mfu": _median(run.mfu),
        "tokens_per_s": _median(run.curves.get("tokens_per_s")),
    }
    if run.elapsed_s is not None and len(run.elapsed_s):
        found["training_s"] = float(run.elapsed_s[-1])
    stated = _finite(run.curves.get("eval_ms"))
    if len(stated) and "training_s" in found:
        found["training_s"] += float(stated.sum()) / _MS
    if pace is None:
        return found
    found |= {"typical_ms": pace.typical, "mean_ms": pace.mean}
    tokens = found["tokens_per_step"]
    if found["tokens_per_s"] is None and tokens:
        found["tokens_per_s"] = tokens / pace.typical * _MS
    pause_ms = 0.0
    every = found["eval_every"]
    # A log that times its evaluations keeps them out of its iterations.
    cost = float(np.median(stated)) if len(stated) else pace.pause
    if cost is not None and every:
        pause_ms = cost / every
        found["eval_ms"] = cost
        found["eval_share"] = pause_ms / (pace.typical + pause_ms)
    found["eta_s"] = _eta(run, pace.typical + pause_ms)
    return found


def _eta(run: Measured, ms: float) -> float | None:
    planned, last = run.info.get("max_iters"), last_step(run)
    if not isinstance(planned, int) or last is None or outcome(run).name:
        return None
    return max(0, planned - last) * ms / _MS


def _eval_every(val: Curve | None) -> int | None:
    if val is None:
        return None
    gaps = np.diff(val.steps)
    gaps = gaps[gaps > 0]
    return int(np.median(gaps)) if len(gaps) else None


def _tokens_per_step(run: Measured) -> int | None:
    info = run.info
    stated = info.get("tokens_per_iter")
    if isinstance(stated, int):
        return stated
    batch, block = info.get("batch_size"), info.get("block_size")
    if not isinstance(batch, int) or not isinstance(block, int):
        return None
    if run.format not in {"nanogpt", "llama2c"}:
        return None  # elsewhere a batch may be one device's or all devices'
    accumulation = info.get("gradient_accumulation_steps", 1)
    return batch * block * (accumulation if isinstance(accumulation, int) else 1)


def _mean(curve: Curve | None, *, least: float) -> float | None:
    values = _finite(curve)
    values = values[values >= least]
    return float(values.mean()) if len(values) else None


def _median(curve: Curve | None) -> float | None:
    return _typical(_finite(curve))


def _nonfinite(run: Measured) -> int:
    watched = (run.train, run.val)
    return sum(int((~np.isfinite(c.values)).sum()) for c in watched if c)


def _first_nonfinite(run: Measured) -> int | None:
    found = []
    for curve in (run.train, run.val):
        bad = ~np.isfinite(curve.values) if curve else np.empty(0, bool)
        if curve and bad.any():
            at = int(bad.argmax())
            found.append((int(curve.lines[at]), int(curve.steps[at])))
    return min(found)[1] if found else None


def _checkpoints(run: Measured) -> dict[str, Any]:
    saved = [m for m in run.milestones if m.kind == "checkpoint"]
    last = saved[-1].step if saved else None
    return {"checkpoints": len(saved), "last_checkpoint_step": last}
