"""Is validation loss significantly above its minimum?  A t test on its logarithm.

The noise is estimated from the log itself (`analysis.noise`), and the selection bias
of a minimum of many values is subtracted.  Two guards come before: training loss must
have fallen, and validation must not be on its way back.
"""

import math
from collections.abc import Sequence
from typing import Final

from watcher.analysis.noise import minimum_bias, second_differences, sigma, student_cdf
from watcher.analysis.rules.history import History, Track
from watcher.analysis.rules.settings import Overfitting


# Evaluations whose noise counts.
WINDOW: Final = 24
# Losses are printed to a few digits: noise below 0.3 % is rounding.
_MIN_SIGMA: Final = 0.003
# Share of the recent peak since the best below which validation is coming back.
_KEPT: Final = 2 / 3
_TRAIN_SIGMAS: Final = 2.0
# Fewer evaluations have no second difference.
_MIN_EVALUATIONS: Final = 3
# Fewer second differences cannot spare those of a level shift.
_MIN_SHIFTED: Final = 6
# Fewer training losses do not show their noise.
_MIN_TRAIN: Final = 6


def p_above_best(
    history: History, track: Track, settings: Overfitting
) -> tuple[float, bool]:
    """Probability that validation is above its best, 0 if a guard rejects it.

    The second: whether the training loss is known.  What costs most comes last:
    the noise is estimated only where its minimum would not explain the rise.
    """
    best, n = track.best[-1], len(history.y)
    if best < 0 or n < max(settings.evaluations, _MIN_EVALUATIONS):
        return 0.0, True
    low = track.levels[best]
    rise = track.levels[-1] - low
    if rise <= settings.rise or rise < _KEPT * (track.peak(WINDOW) - low):
        return 0.0, True
    bias = minimum_bias(n / track.width)
    beyond, root = rise - settings.rise, math.sqrt(track.width)
    if beyond <= bias * _MIN_SIGMA / root:
        return 0.0, True
    fell = _fell(history.train, best, track, settings)
    if fell is False:
        return 0.0, True
    single, freedom = _noise(history, best)
    deviation = max(single, _MIN_SIGMA) / root
    t = (beyond - deviation * bias) / (deviation * math.sqrt(2))
    return student_cdf(t, freedom), fell is not None


def _noise(history: History, best: int) -> tuple[float, int]:
    """Standard deviation of the last evaluations, without a level shift.

    The largest rise of these since the best is one if all later values keep half of
    it: it shows in two second differences and is no noise.
    """
    y, n = history.y, len(history.y)
    first = max(2, n - WINDOW + 2)
    found = history.differences[first:]
    recent = range(max(best + 1, n - WINDOW), n)
    at = max(recent, key=lambda i: y[i] - y[i - 1])
    kept = min(y[at:]) > (y[at] + y[at - 1]) / 2
    if not kept or at == n - 1 or at < first or len(found) < _MIN_SHIFTED:
        return sigma(found)
    return min(sigma(found), sigma(found[: at - first] + found[at - first + 2 :]))


def _fell(
    train: Sequence[float], best: int, track: Track, settings: Overfitting
) -> bool | None:
    """Whether training loss fell by more than its noise, None where it is unknown."""
    then, now = track.level(train, best), track.level(train, len(train) - 1)
    if not (math.isfinite(then) and math.isfinite(now)):
        return None
    least = settings.train_fall * abs(then)
    if now >= then - least:
        return False
    recent = [v for v in train[-WINDOW:] if math.isfinite(v)]
    if len(recent) >= _MIN_TRAIN:
        deviation = sigma(second_differences(recent))[0] * math.sqrt(2 / track.width)
        least = max(least, _TRAIN_SIGMAS * deviation)
    return now < then - least
