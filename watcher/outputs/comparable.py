"""Whether losses of several runs can be compared, and why not."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.escape import clean


if TYPE_CHECKING:  # commands list what runs are ranked by, and need no numpy for it
    from watcher.analysis.model import Analysis, Curve


def incomparable(analyses: "Sequence[Analysis]", *, trained: bool = False) -> str:
    """Why losses of these runs cannot be compared, "" where they can.

    `trained`: training losses rather than validation.  What a log does not state is
    taken to be the same.
    """
    curves: list[Curve | None] = [a.train if trained else a.val for a in analyses]
    units = [curve.unit for curve in curves if curve is not None and len(curve)]
    return unlike([analysis.info for analysis in analyses], units)


def unlike(settings: Sequence[Mapping[str, object]], units: Sequence[str]) -> str:
    """Why losses of runs with these settings cannot be compared, "" where they can.

    `units`: of the losses that are known.
    """
    if len(set(units)) > 1:
        return message("Losses have different units: no run is ranked.")
    if _differ(settings, "vocab_size"):
        return message("Vocabularies differ, so losses do too: no run is ranked.")
    if _differ(settings, "dataset"):
        return message("Runs have different data: no run is ranked.")
    return ""


def title(setting: str, lang: str) -> str:
    """The name of a setting as its log has it; of what people said, translated."""
    return tr(lang, setting) if setting in _SAID else clean(setting)


_SAID: Final = (message("tags"), message("note"))


def differs(analyses: "Sequence[Analysis]", name: str) -> bool:
    """Whether two runs state different values of a setting."""
    return _differ([analysis.info for analysis in analyses], name)


def _differ(settings: Sequence[Mapping[str, object]], name: str) -> bool:
    return len({known[name] for known in settings if name in known}) > 1
