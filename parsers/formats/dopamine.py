"""Google's Dopamine.

I0501 10:00:00.1 140 run_experiment.py:512] Starting iteration 3
I0501 10:01:00.1 140 run_experiment.py:401] Average undiscounted return per training
episode: 2.50                                            (on the same line)
I0501 10:01:00.1 140 run_experiment.py:440] Average undiscounted return per
evaluation episode: 2.75                                 (on the same line)
"""

from typing import Final

from parsers.format import Format, line
from parsers.patterns import STEP, named


_RETURN: Final = rb"\bAverage undiscounted return per "

DOPAMINE = Format(
    name="dopamine",
    written_by="Google Dopamine",
    samples=(
        "run_experiment.py:512] Starting iteration 3",
        "run_experiment.py:401] Average undiscounted return per training episode: 2.5",
        "run_experiment.py] Average undiscounted return per evaluation episode: 2.5",
    ),
    patterns=(
        line(
            "Starting iteration N",
            rb"\bStarting iteration " + STEP + rb"\s*$",
            needs=(b"Starting iteration ",),
            step="none",
            hit=False,
        ),
        line(
            "return per training episode",
            _RETURN + rb"training episode: " + named("reward"),
            needs=(b" per training episode: ",),
            step="previous",
        ),
        line(
            "return per evaluation episode",
            _RETURN + rb"evaluation episode: " + named("val_reward"),
            needs=(b" per evaluation episode: ",),
            step="previous",
        ),
    ),
)
