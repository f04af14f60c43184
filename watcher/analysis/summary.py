"""The figures of a run: losses, typical times, costs, how it ended."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured, Summary, ValidationSet
from watcher.analysis.outcome import last_step, outcome
from watcher.analysis.rules.cost import evaluation_costs
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
        max_steps=planned if isinstance(planned, int) and not run.table else None,
        verdict=None if run.table else _verdict(findings, val),
        outcome=end.name,
        outcome_text=end.text,
        **losses,
        **val,
        **_times(run, findings),
        **_checkpoints(run),
        **_nonfinite(run),
        validation_sets=_validation_sets(run),
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


def _validation_sets(run: Measured) -> tuple[ValidationSet, ...]:
    """Where the log has several, the figures of each."""
    if run.val is None or not run.other_sets:
        return ()
    curves = [run.val, *(curve for curve, _ in run.other_sets)]
    return tuple(_set(curve) for curve in curves if len(_finite(curve)))


def _set(curve: Curve) -> ValidationSet:
    usable = np.flatnonzero(np.isfinite(curve.values) & curve.current)
    values = curve.values[usable]
    best = int(values.argmin())
    return ValidationSet(
        metrics.validation_set(curve.metric) or curve.metric,
        evaluations=len(usable),
        final_val=float(values[-1]),
        best_val=float(values[best]),
        best_val_step=int(curve.steps[usable[best]]),
    )


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


def _typical(values: Floats) -> float | None:
    """The median (reorders the values), None without any."""
    return float(np.median(values, overwrite_input=True)) if len(values) else None


def _times(run: Measured, findings: Sequence[Finding]) -> dict[str, Any]:
    every, steps = _eval_every(run.val), _steps(run)
    found: dict[str, Any] = {
        "eval_every": every,
        "tokens_per_step": _tokens_per_step(run),
        "mean_mfu": _mean(run.curves.get("mfu"), least=0.0),
        "typical_mfu": _median(run.mfu),
        "tokens_per_s": _median(run.curves.get("tokens_per_s")),
    }
    if run.elapsed_s is not None and len(run.elapsed_s):
        stated = _finite(run.curves.get("eval_ms"))
        total = float(run.elapsed_s[-1]) + float(stated.sum()) / _MS
        found["training_s"] = total
        # The mean is total time over steps: lines between which steps passed count.
        found["mean_ms"] = total * _MS / steps if steps else None
    typical = _typical_ms(run)
    if typical is None:
        return found
    found["typical_ms"] = typical
    tokens = found["tokens_per_step"]
    if found["tokens_per_s"] is None and tokens:
        found["tokens_per_s"] = tokens / typical * _MS
    pause_ms, cost = 0.0, _eval_ms(run, typical)
    if cost is not None and every:
        pause_ms = cost / every
        found["eval_ms"] = cost
        found["eval_share"] = pause_ms / (typical + pause_ms)
    found["eta_s"] = _eta(run, _pace_ms(findings, typical) + pause_ms)
    return found


def _pace_ms(findings: Sequence[Finding], typical: float) -> float:
    """Time of an iteration from now on: that of a slowdown that is firing."""
    now = [
        f.evidence.get("now_ms")
        for f in findings
        if f.rule == "slowdown" and f.cleared_step is None
    ]
    return max([typical, *(ms for ms in now if isinstance(ms, float))])


def _typical_ms(run: Measured) -> float | None:
    """Median time of the iterations without a pause."""
    if run.time is None or run.pause is None:
        return None
    good = np.isfinite(run.time.values)
    return _typical(run.time.values[good & ~run.pause])


def _steps(run: Measured) -> int:
    """Steps that the total time covers; those trained again count again."""
    timed = run.time if run.time is not None else run.curves.get("train_time_ms")
    if timed is None or not len(timed):
        return 0
    if "train_time_ms" in run.curves:
        return int(run.curves["train_time_ms"].steps[-1])
    return int(np.clip(np.diff(timed.steps), 1, None).sum()) + 1


def _eval_ms(run: Measured, typical: float) -> float | None:
    """What one evaluation takes: the median of all."""
    costs = evaluation_costs(run)
    if costs is not None and len(costs.ms):
        # Within the noise of iterations it is unknown, not negative.
        cost = float(np.median(costs.ms))
        return cost if cost > 0 else None
    if run.time is None or run.pause is None:
        return None
    # The first time of a process holds its compilation, not an evaluation.
    paused = np.isfinite(run.time.values) & run.pause
    paused[[0, *restarts(run.time.lines, run.segments).tolist()]] = False
    pause = _typical(run.time.values[paused])
    return None if pause is None or pause <= typical else pause - typical


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


def _nonfinite(run: Measured) -> dict[str, Any]:
    """Count and first step of the losses that are not finite.

    Of the training loss; of validation where the log has no training loss.
    """
    curve = run.train or run.val
    bad = np.flatnonzero(~np.isfinite(curve.values)) if curve else np.empty(0, int)
    if curve is None or not len(bad):
        return {}
    return {"nonfinite": len(bad), "first_nonfinite_step": int(curve.steps[bad[0]])}


def _checkpoints(run: Measured) -> dict[str, Any]:
    saved = [m for m in run.milestones if m.kind == "checkpoint"]
    last = saved[-1].step if saved else None
    return {"checkpoints": len(saved), "last_checkpoint_step": last}
